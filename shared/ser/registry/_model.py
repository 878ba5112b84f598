"""Published models, whose files are verified against their manifest."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import msgspec

from ser._model_file import NO_MODEL_LIMITS, ModelLimits, OpenedModel, open_model
from ser.errors import AlteredModel, Conflict, NotFound, TooLarge
from ser.model import Model
from ser.registry._documents import MANIFEST, MODEL_FILE, REPORT_FILE, Digest
from ser.registry._reports import MAX_BYTES as MAX_REPORT
from ser.registry._reports import foreign_part
from ser.registry._rules import parse_manifest
from ser.store import Readable, open_store


class PublishedModel(Model):
    """A model in a registry. Its file is read and verified on first use.

    :meth:`ser.Registry.model` and :meth:`ser.Registry.models` return it. Besides their own errors,
    all methods raise :class:`~ser.errors.AlteredModel` if the file has changed since publication,
    :class:`~ser.errors.Conflict` if it is not a model that this version of ``ser`` can read, and
    the errors of the store.

    Examples
    --------
    >>> model = ser.open_registry("model").model("latest")
    >>> model.predict("speech.wav").emotion
    'anger'
    >>> model.manifest["corpus"]["name"]
    'emodb'
    >>> len(model.read("model.onnx")) == model.size
    True
    """

    model_id: str
    """The id, such as ``20261122T143105Z-1a2b3c4d``."""
    manifest: dict[str, Any]
    """The manifest as it was published: request, corpus, metrics, versions, digests."""

    def __init__(
        self,
        store: Readable,
        folder: str,
        manifest: bytes,
        limits: ModelLimits = NO_MODEL_LIMITS,
    ) -> None:
        """Create the model in ``folder`` of ``store`` from the bytes of its manifest.

        An empty ``folder`` means the root of the store.

        Raises
        ------
        AlteredModel
            ``manifest`` is damaged.
        """
        self.manifest, inventory = parse_manifest(manifest, folder or store.uri)
        self.model_id = inventory.model_id
        self._files: Mapping[str, Digest] = inventory.files
        self._store = store
        self._prefix = f"{folder}/" if folder else ""
        self._limits = limits
        self._opening = Lock()
        self._loaded: OpenedModel | None = None

    @property
    def size(self) -> int:
        """Size of the model's file in bytes.

        Raises
        ------
        NotFound
            The manifest does not list the file.
        """
        return self.digest(MODEL_FILE).size

    @property
    def _opened(self) -> OpenedModel:
        with self._opening:
            if self._loaded is None:
                if self.size > self._limits.file_bytes.value:
                    raise Conflict(
                        f"{MODEL_FILE} of model {self.model_id} has {self.size:,} bytes; "
                        f"allowed: {self._limits.file_bytes}"
                    )
                self._loaded = open_model(self.read(MODEL_FILE), self._limits)
            return self._loaded

    def load(self) -> PublishedModel:
        """Read the model's file now instead of at the first prediction; return the model."""
        _ = self._opened
        return self

    def is_whole(self) -> bool:
        """Return whether all files are as published; all of them are read."""
        try:
            for name in self._files:
                self.read(name)
        except AlteredModel:
            return False
        return True

    def read(self, name: str) -> bytes:
        """Return the bytes of the file ``name``, as published.

        Raises
        ------
        NotFound
            The manifest does not list the file.
        AlteredModel
            The file is missing, or has changed since publication.
        """
        digest = self.digest(name)
        try:
            stored = self._store.read(f"{self._prefix}{name}", digest.size)
            if stored is None:
                raise AlteredModel(f"file {name!r} of model {self.model_id} is missing")
            if Digest.of(stored.data) == digest:
                return stored.data
        except TooLarge:
            pass
        raise AlteredModel(
            f"file {name!r} of model {self.model_id} is not as it was published: its size or"
            f" SHA-256 differs from {MANIFEST}"
        )

    def read_report(self) -> bytes:
        """Return the report of the model: HTML in UTF-8.

        Raises
        ------
        NotFound
            The model was published without a report.
        AlteredModel
            The report is missing, has changed since publication, or is not a page that ser makes.
        """
        size = self.digest(REPORT_FILE).size
        if size > MAX_REPORT:
            raise AlteredModel(
                f"{REPORT_FILE} of model {self.model_id} has {size:,} bytes; "
                f"allowed: {MAX_REPORT:,}"
            )
        report = self.read(REPORT_FILE)
        try:
            part = foreign_part(report.decode())
        except UnicodeDecodeError:
            part = "bytes that are not UTF-8"
        if part is not None:
            raise AlteredModel(
                f"{REPORT_FILE} of model {self.model_id} was not made by ser: it has {part!r}"
            )
        return report

    def digest(self, name: str) -> Digest:
        """Return the digest of the file ``name``, as published.

        Raises
        ------
        NotFound
            The manifest does not list the file.
        """
        try:
            return self._files[name]
        except KeyError:
            raise NotFound(
                f"model {self.model_id} has no file {name!r}; it has {', '.join(self._files)}"
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process reads the file again, and verifies it.
        manifest = msgspec.json.encode(self.manifest)
        return reopened, (self._store.uri, self._prefix, manifest, self._limits)

    def __repr__(self) -> str:
        return f"PublishedModel({self.model_id!r})"


def reopened(uri: str, prefix: str, manifest: bytes, limits: ModelLimits) -> PublishedModel:
    """Return the model below ``prefix`` in the store at ``uri``."""
    return PublishedModel(open_store(uri), prefix.rstrip("/"), manifest, limits)
