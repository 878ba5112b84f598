"""The model registry: immutable models, and aliases that move between them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ser.errors import Conflict, InvalidInput, NotFound, SerError, StorageFull
from ser.registry._aliases import (
    ALIAS,
    ALIAS_GRAMMAR,
    Alias,
    Move,
    alias_names,
    point_alias,
    read_alias,
)
from ser.registry._documents import (
    MANIFEST,
    MODEL_ID,
    MODEL_ID_EXAMPLE,
    Digest,
    encode,
    timestamp,
)
from ser.registry._model import PublishedModel
from ser.store import Store

logger = logging.getLogger(__name__)


class Registry:
    """Models in a store, under ids for ever and under aliases for now.

    A model is what has a manifest, which is written last; nothing else can be seen here. Besides
    what is listed, every method raises what :class:`~ser.store._store.Store` does, naming the
    store: ``InvalidInput``, ``StorageFull``, ``RemoteFailed``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def uri(self) -> str:
        """Where the models are kept."""
        return self._store.uri

    def check_writable(self) -> None:
        """Fail now rather than after an expensive training; leaves nothing behind.

        Raises
        ------
        InvalidInput
            The folder cannot be created or written; the bucket does not exist or is closed to us.
        """
        self._store.check_writable()

    def publish(
        self, model_id: str, files: Mapping[str, bytes], manifest: Mapping[str, Any]
    ) -> None:
        """Make a model visible, whole and for ever.

        What a failure leaves half done is removed, with two exceptions. If the answer about the
        manifest got lost, the model may be published, and keeps its files. And where somebody else
        has come to publish under the same id, all that is there is left to them.

        Parameters
        ----------
        model_id
            Of :func:`~ser.registry.new_model_id`.
        files
            By relative name, such as ``model.onnx`` or ``samples/03a01Fa.wav``.
        manifest
            Whatever JSON can say; ``model_id``, ``created_at`` and ``files`` (SHA-256 and size in
            bytes of each) are added.

        Raises
        ------
        Conflict
            Something is stored under this id already.
        InvalidInput
            An id or a file name that does not fit.
        """
        if not MODEL_ID.fullmatch(model_id):
            raise InvalidInput(f"{model_id!r} is no model id; allowed: such as {MODEL_ID_EXAMPLE}")
        if MANIFEST in files:
            raise InvalidInput(f"a file is named {MANIFEST!r}; allowed: any other name")
        document = encode(
            {
                **manifest,
                "model_id": model_id,
                "created_at": timestamp(),
                "files": {name: Digest.of(data) for name, data in files.items()},
            }
        )
        written: list[str] = []
        try:
            # In one order for all: whoever comes second to an id stumbles over the first file.
            for name, data in [*sorted(files.items()), (MANIFEST, document)]:
                self._create(model_id, name, data)
                written.append(name)
        except Conflict:
            # Until a model is published, whoever is about to may have removed our files already.
            if self._is_published(model_id):
                self._withdraw(model_id, written)
            raise
        except BaseException as error:
            if len(written) < len(files) or isinstance(error, InvalidInput | StorageFull):
                self._withdraw(model_id, written)
            raise

    def _create(self, model_id: str, name: str, data: bytes) -> None:
        if not self._store.create(f"{model_id}/{name}", data):
            raise Conflict(
                f"{self.uri} already keeps {name!r} of a model {model_id}, and nothing overwrites"
                " a model; allowed: a new id"
            )

    def _withdraw(self, model_id: str, written: Sequence[str]) -> None:
        """Remove the files that we have written, but those of a model that somebody published."""
        try:
            theirs = self.model(model_id).manifest["files"]
        except (SerError, KeyError):
            theirs = {}
        for name in set(written) - set(theirs):
            try:
                self._store.delete(f"{model_id}/{name}")
            except SerError as error:
                logger.warning(
                    "%r of an unpublished model %s stays in %s: %s",
                    *(name, model_id, self.uri, error),
                )

    def models(self, *, limit: int | None = None, before: str | None = None) -> Iterator[str]:
        """Ids, newest first: ``limit`` at most, and only those older than ``before``."""
        names = (name.removesuffix("/") for name in reversed(self._store.names()))
        older = (name for name in names if before is None or name < before)
        return islice(filter(self._is_published, older), limit)

    def resolve(self, name: str) -> str:
        """The id behind ``name``, an id or an alias.

        Raises
        ------
        NotFound
            No model has this id, or there is no such alias.
        """
        if self._is_published(name):
            return name
        return self._alias(name).model_id

    def model(self, name: str) -> PublishedModel:
        """The model behind ``name``, an id or an alias.

        Raises
        ------
        NotFound
            No model has this id, or there is no such alias.
        AlteredModel
            Its manifest is damaged.
        """
        model_id = name if MODEL_ID.fullmatch(name) else self._alias(name).model_id
        manifest = self._store.read(f"{model_id}/{MANIFEST}")
        if manifest is None:
            raise self._unknown(model_id)
        return PublishedModel.from_manifest(self._store, model_id, manifest.data)

    def aliases(self) -> dict[str, str]:
        """The id that each alias points at."""
        return {alias: self._alias(alias).model_id for alias in alias_names(self._store)}

    def history(self, alias: str) -> tuple[Move, ...]:
        """Every change of ``alias``, oldest first.

        Raises
        ------
        NotFound
            There is no such alias.
        """
        return self._alias(alias).history

    def move(self, alias: str, model_id: str, *, forward_only: bool = False) -> None:
        """Point ``alias`` at a model; where it points there already, nothing changes.

        Parameters
        ----------
        forward_only
            Neither does anything change where ``alias`` points at a newer model, so that
            ``latest`` comes out right in whatever order trainings end.

        Raises
        ------
        InvalidInput
            No alias can have this name.
        NotFound
            No model has this id.
        Busy
            Too many others move the alias at this moment.
        """
        if not ALIAS.fullmatch(alias):
            raise InvalidInput(f"{alias!r} is no name for an alias; allowed: {ALIAS_GRAMMAR}")
        if not self._is_published(model_id):
            raise self._unknown(model_id)

        def target(trail: Sequence[str]) -> str:
            return max([model_id, *trail[-1:]]) if forward_only else model_id

        point_alias(self._store, alias, "move", target)

    def rollback(self, alias: str) -> str:
        """Point ``alias`` where it pointed before the last move not yet undone.

        Returns
        -------
        str
            The id it points at now.

        Raises
        ------
        NotFound
            There is no such alias.
        Conflict
            It pointed at nothing before.
        Busy
            Too many others move the alias at this moment.
        """
        self._alias(alias)

        def previous(trail: Sequence[str]) -> str:
            if len(trail) < 2:
                raise Conflict(f"alias {alias!r} pointed at nothing before {trail[-1]}")
            return trail[-2]

        return point_alias(self._store, alias, "rollback", previous)

    def _is_published(self, name: str) -> bool:
        return bool(MODEL_ID.fullmatch(name)) and self._store.holds(f"{name}/{MANIFEST}")

    def _alias(self, name: str) -> Alias:
        alias = read_alias(self._store, name)
        if alias is None:
            raise self._unknown(name)
        return alias

    def _unknown(self, name: str) -> NotFound:
        known = ", ".join(alias_names(self._store)) or "none"
        return NotFound(f"no model or alias {name!r} in {self.uri}; its aliases: {known}")
