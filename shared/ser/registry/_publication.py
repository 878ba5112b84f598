"""Publication of a model: all of its files and then its manifest, or nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ser.errors import Conflict, InvalidInput, RemoteFailed, SerError
from ser.registry._documents import (
    MANIFEST,
    MAX_DOCUMENT,
    MODEL_ID,
    MODEL_ID_EXAMPLE,
    SIGNATURE,
    Digest,
    encode,
    timestamp,
)
from ser.registry._drafts import ACTIVE, Claim, draft_key, sweep_quietly
from ser.registry._keys import ModelKey
from ser.registry._lookup import is_published
from ser.store import Store, check_key

logger = logging.getLogger(__name__)


def publish(
    store: Store,
    model_id: str,
    files: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    key: ModelKey | None = None,
) -> None:
    """Publish a model in ``store``, as :meth:`ser.Registry.publish` documents."""
    check_names(model_id, files)
    facts = {**manifest, "model_id": model_id, "created_at": timestamp()}
    encode(facts)  # raises an error before a file is written
    with claimed(store, model_id) as claim:
        digests = write_files(store, claim, files)
        document = encode({**facts, "files": {name: digests[name] for name in files}})
        if len(document) > MAX_DOCUMENT:
            raise InvalidInput(
                f"the manifest has {len(document):,} bytes; allowed: {MAX_DOCUMENT:,}"
            )
        write_manifest(store, claim, document, key.signature(document) if key else None)
    sweep_quietly(store)


def publish_again(
    store: Store,
    model_id: str,
    files: Mapping[str, bytes],
    manifest: bytes,
    signature: bytes | None,
) -> None:
    """Publish a model with the ``manifest`` and the ``signature`` of an earlier publication; raise
    as :func:`publish`."""
    check_names(model_id, files)
    with claimed(store, model_id) as claim:
        write_files(store, claim, files)
        write_manifest(store, claim, manifest, signature)
    sweep_quietly(store)


def check_names(model_id: str, files: Iterable[str]) -> None:
    """Raise :class:`InvalidInput` for an id or a name of a file that no model has."""
    if not MODEL_ID.fullmatch(model_id):
        raise InvalidInput(
            f"{model_id!r} is not a model id; allowed: an id such as {MODEL_ID_EXAMPLE}"
        )
    for name in files:
        if check_key(name) in (MANIFEST, SIGNATURE):
            raise InvalidInput(f"a file is named {name!r}; allowed: any other name")


def write_files(store: Store, claim: Claim, files: Mapping[str, bytes]) -> dict[str, Digest]:
    """Write the files of a new model, one of which is in memory at a time; return their digests."""
    digests: dict[str, Digest] = {}
    for name in sorted(files):
        data = files[name]
        create(store, claim.model_id, name, data)
        digests[name] = Digest.of(data)
        claim.renew()
    return digests


def write_manifest(store: Store, claim: Claim, document: bytes, signature: bytes | None) -> None:
    """Write the signature, if there is one, and then the manifest, which publishes the model."""
    if signature is not None:
        create(store, claim.model_id, SIGNATURE, signature)
    claim.renew(now=True)
    complete(store, claim, document)


@contextmanager
def claimed(store: Store, model_id: str) -> Iterator[Claim]:
    """Claim ``model_id`` for the context; if that fails, remove the files of its model unless they
    are those of a published one."""
    if not ACTIVE.add(store, model_id):
        raise Conflict(
            f"this process already publishes a model {model_id} in {store.uri}; allowed: a new id"
        )
    try:
        refuse_published(store, model_id)
        claim = Claim(store, model_id)
        claim.take()
        try:
            # A publisher may have ended between the first look and the claim.
            refuse_published(store, model_id)
            # What an earlier publication with this id has left; its claim is over.
            store.sweep(model_id)
            yield claim
        except BaseException:
            if not claim.may_be_complete:
                withdraw(store, model_id)
            raise
        try:
            store.delete(draft_key(model_id))
        except SerError as error:
            logger.warning("the draft of model %s stays in %s: %s", model_id, store.uri, error)
    finally:
        ACTIVE.remove(store, model_id)


def refuse_published(store: Store, model_id: str) -> None:
    if is_published(store, model_id):
        raise Conflict(
            f"{store.uri} already contains a model {model_id}, and models are never overwritten; "
            "allowed: a new id"
        )


def create(store: Store, model_id: str, name: str, data: bytes) -> None:
    """Write a file of a new model; raise :class:`Conflict` if it exists already."""
    if not store.create(f"{model_id}/{name}", data):
        raise Conflict(
            f"{store.uri} already contains {name!r} of a model {model_id}, and models are never"
            " overwritten; allowed: a new id"
        )


def complete(store: Store, claim: Claim, document: bytes) -> None:
    """Write the manifest, which publishes the model."""
    claim.may_be_complete = True
    try:
        create(store, claim.model_id, MANIFEST, document)
    except SerError as error:
        # It may have been written nevertheless: an answer was lost, or a disk became full after it.
        stored = store.read(f"{claim.model_id}/{MANIFEST}")
        if stored is None or stored.data != document:
            # A request without an answer may still be carried out: then the files must be there.
            claim.may_be_complete = isinstance(error, RemoteFailed)
            raise
        logger.warning(
            "model %s was published although its store failed: %s", claim.model_id, error
        )


def withdraw(store: Store, model_id: str) -> None:
    """Remove the files of a publication that failed, and then its draft, unless its model exists or
    may exist. What cannot be removed now is removed by a later sweep."""
    try:
        if not is_published(store, model_id):
            store.sweep(model_id)
            store.delete(draft_key(model_id))
    except SerError as error:
        logger.warning(
            "files of an unpublished model %s stay in %s: %s", model_id, store.uri, error
        )
