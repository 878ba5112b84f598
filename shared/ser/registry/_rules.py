"""The rules of a registry for the models that it reads and writes."""

from __future__ import annotations

from typing import Any, NamedTuple

from ser._decoding import Unreadable, convert, decode
from ser._model_file import NO_MODEL_LIMITS, ModelLimits
from ser.errors import AlteredModel, TooLarge
from ser.registry._documents import MANIFEST, MAX_DOCUMENT, SIGNATURE, Inventory
from ser.registry._keys import ModelKey
from ser.store import Readable

MAX_SIGNATURE = 100


class Rules(NamedTuple):
    """A key and limits."""

    key: ModelKey | None = None
    """The key that has signed all manifests; ``None``: signatures are not looked at."""
    limits: ModelLimits = NO_MODEL_LIMITS


NO_RULES = Rules()


def read_manifest(store: Readable, folder: str, rules: Rules) -> bytes | None:
    """Return the bytes of the manifest in ``folder`` of ``store``, the root if it is empty;
    ``None`` if there is none.

    Raises
    ------
    AlteredModel
        The manifest is too large, or has no signature by the key of ``rules``.
    """
    prefix = f"{folder}/" if folder else ""
    place = folder or store.uri
    try:
        stored = store.read(f"{prefix}{MANIFEST}", MAX_DOCUMENT)
        if stored is None or rules.key is None:
            return stored and stored.data
        signature = store.read(f"{prefix}{SIGNATURE}", MAX_SIGNATURE)
    except TooLarge as error:
        raise AlteredModel(f"a file of model {place} is damaged: {error.detail}") from error
    if signature is None or not rules.key.has_signed(stored.data, signature.data):
        state = "is not signed" if signature is None else "has another signature"
        raise AlteredModel(
            f"model {place} {state}; allowed: models that were published with the key of this "
            "registry"
        )
    return stored.data


def parse_manifest(manifest: bytes, place: str) -> tuple[dict[str, Any], Inventory]:
    """Return a manifest, and the part of it that a registry needs.

    Raises
    ------
    AlteredModel
        ``manifest`` is damaged.
    """
    try:
        document: dict[str, Any] = decode(manifest)
        return document, convert(document, Inventory)
    except Unreadable as error:
        raise AlteredModel(f"{MANIFEST} of model {place} is damaged: {error}") from error
