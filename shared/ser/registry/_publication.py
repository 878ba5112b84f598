"""Publication of a model: all of its files and then its manifest, or nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ser.errors import Conflict, InvalidInput, SerError, StorageFull
from ser.registry._documents import MANIFEST, MODEL_ID, MODEL_ID_EXAMPLE, Digest, encode, timestamp
from ser.registry._lookup import is_published, read_model
from ser.store import Store

logger = logging.getLogger(__name__)


def publish(
    store: Store, model_id: str, files: Mapping[str, bytes], manifest: Mapping[str, Any]
) -> None:
    """Publish a model in ``store``, as :meth:`ser.Registry.publish` documents."""
    if not MODEL_ID.fullmatch(model_id):
        raise InvalidInput(
            f"{model_id!r} is not a model id; allowed: an id such as {MODEL_ID_EXAMPLE}"
        )
    if MANIFEST in files:
        raise InvalidInput(f"a file is named {MANIFEST!r}; allowed: any other name")
    facts = {**manifest, "model_id": model_id, "created_at": timestamp()}
    encode(facts)  # raises an error before a file is written
    digests: dict[str, Digest] = {}
    written: list[str] = []
    try:
        # All publishers write in the same order, so the second one fails at the first file. One
        # file at a time is in memory.
        for name in sorted(files):
            data = files[name]
            create(store, model_id, name, data)
            written.append(name)
            digests[name] = Digest.of(data)
        document = encode({**facts, "files": {name: digests[name] for name in files}})
        create(store, model_id, MANIFEST, document)
        written.append(MANIFEST)
    except Taken as error:
        # A rival that is still publishing may have removed our files already.
        if is_published(store, model_id):
            withdraw(store, model_id, written)
        raise Conflict(str(error)) from error
    except BaseException as error:
        if len(written) < len(files) or isinstance(error, InvalidInput | StorageFull):
            withdraw(store, model_id, written)
        raise


class Taken(Exception):
    """The store already contains a file of a model."""


def create(store: Store, model_id: str, name: str, data: bytes) -> None:
    """Write a file of a new model; raise :class:`Taken` if it exists already."""
    if not store.create(f"{model_id}/{name}", data):
        raise Taken(
            f"{store.uri} already contains {name!r} of a model {model_id}, and models are never"
            " overwritten; allowed: a new id"
        )


def withdraw(store: Store, model_id: str, written: Sequence[str]) -> None:
    """Remove the files in ``written``, except those of a model that a rival published."""
    try:
        rival = read_model(store, model_id)
        published = rival.manifest["files"] if rival else {}
    except SerError:
        published = {}
    for name in set(written) - set(published):
        try:
            store.delete(f"{model_id}/{name}")
        except SerError as error:
            logger.warning(
                "%r of an unpublished model %s stays in %s: %s",
                *(name, model_id, store.uri, error),
            )
