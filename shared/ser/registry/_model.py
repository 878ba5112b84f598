"""A published model, whose files are believed only as far as its manifest vouches for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from ser.errors import AlteredModel, NotFound
from ser.registry._documents import MANIFEST, Digest, Inventory
from ser.store import Store


@dataclass(frozen=True)
class PublishedModel:
    """One model of a registry; its manifest is read once, its files when asked for."""

    model_id: str
    manifest: dict[str, Any] = field(repr=False)
    _files: dict[str, Digest] = field(repr=False)
    _store: Store = field(repr=False)

    @classmethod
    def from_manifest(cls, store: Store, model_id: str, manifest: bytes) -> PublishedModel:
        """The model of ``store`` that the bytes of ``manifest`` describe.

        Raises
        ------
        AlteredModel
            They are no manifest, or that of another model.
        """
        try:
            inventory = msgspec.json.decode(manifest, type=Inventory)
        except msgspec.DecodeError as error:
            raise AlteredModel(f"{MANIFEST} of model {model_id} is damaged: {error}") from error
        if inventory.model_id != model_id:
            raise AlteredModel(
                f"{MANIFEST} of model {model_id} belongs to model {inventory.model_id!r}"
            )
        return cls(model_id, msgspec.json.decode(manifest), inventory.files, store)

    def is_whole(self) -> bool:
        """Whether all its files are there as they were published; reads every one of them."""
        try:
            for name in self._files:
                self.read(name)
        except AlteredModel:
            return False
        return True

    def read(self, name: str) -> bytes:
        """The bytes of the file ``name``, exactly as they were published.

        Raises
        ------
        NotFound
            The manifest names no such file.
        AlteredModel
            The file is missing, or its bytes are not those that were published.
        """
        if name not in self._files:
            raise NotFound(
                f"model {self.model_id} has no file {name!r}; it has {', '.join(self._files)}"
            )
        stored = self._store.read(f"{self.model_id}/{name}")
        if stored is None:
            raise AlteredModel(f"file {name!r} of model {self.model_id} is missing")
        if Digest.of(stored.data) != self._files[name]:
            raise AlteredModel(
                f"file {name!r} of model {self.model_id} is not as it was published: its size or"
                f" SHA-256 differs from {MANIFEST}"
            )
        return stored.data
