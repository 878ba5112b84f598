"""Drafts: the claims of publications that are in progress, and the removal of dead ones.

A publisher claims an id by creating ``publications/<id>.json``, writes the files, and removes the
draft when the manifest exists. What a publisher that was killed has left is removed with its draft,
but only after two looks: the first one, when the draft has not changed for :data:`LEASE_SECONDS`,
writes a question into it, which a living publisher replaces with its next file. The second one
finds the same question, as old as that. So a clock that jumps once removes nothing that is alive,
and the claim of a publisher whose draft was removed is refused before it writes its manifest.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import cache
from threading import Lock

import msgspec

from ser._decoding import Unreadable, decode
from ser.errors import Conflict, SerError, TooLarge
from ser.registry._documents import (
    MANIFEST,
    MAX_DOCUMENT,
    MODEL_ID,
    encode,
    seconds_since,
    timestamp,
)
from ser.registry._lookup import candidates, is_published
from ser.store import Store, Stored

logger = logging.getLogger(__name__)

FOLDER = "publications"
SUFFIX = ".json"
LEASE_SECONDS = 3600.0
"""Time without a sign of life after which a publication counts as dead. Writing a file takes much
less."""
RENEWAL_SECONDS = 15.0
"""Time after which a publisher gives the next sign of life."""


class Draft(msgspec.Struct, frozen=True):
    """The document ``publications/<id>.json``."""

    owner: str
    """The publisher, by a number that no other has."""
    renewed_at: str
    asked_at: str = ""
    """When another process asked whether the publisher is alive; empty if none has."""


class ActiveIds:
    """The publications of this process."""

    def __init__(self) -> None:
        self._ids: set[tuple[str, str]] = set()
        self._lock = Lock()

    def add(self, store: Store, model_id: str) -> bool:
        """Note a publication; return False if this process publishes the id already."""
        with self._lock:
            is_new = (store.uri, model_id) not in self._ids
            self._ids.add((store.uri, model_id))
            return is_new

    def remove(self, store: Store, model_id: str) -> None:
        with self._lock:
            self._ids.discard((store.uri, model_id))


ACTIVE = ActiveIds()


@cache
def owner_of(process: int) -> str:
    return f"{process}-{os.urandom(8).hex()}"


def owner() -> str:
    """Return the number of this process; that of a forked process differs from its parent's."""
    return owner_of(os.getpid())


class Claim:
    """The claim of this process to an id."""

    def __init__(self, store: Store, model_id: str) -> None:
        self._store, self.model_id, self._key = store, model_id, draft_key(model_id)
        self._renewed_at = ""
        self.may_be_complete = False
        """Whether the manifest has been written or may be."""

    def take(self) -> None:
        """Claim the id; raise :class:`Conflict` if another publisher has it."""
        data = self._document()
        if self._store.create(self._key, data):
            return
        stored = read_draft(self._store, self.model_id)
        if stored is None:
            taken = self._store.create(self._key, data)
        else:
            # This process has ended its publication, and could not remove the draft.
            ours = parse(stored).owner == owner()
            taken = (ours or is_dead(stored, LEASE_SECONDS)) and self._store.replace(
                self._key, stored, data
            )
        if not taken:
            raise Conflict(
                f"{self._store.uri} already contains files of a model {self.model_id} that is "
                "being published; allowed: a new id, or this one after an hour"
            )

    def renew(self, *, now: bool = False) -> None:
        """Give a sign of life, if it is time to or ``now``; raise :class:`Conflict` if the claim is
        lost."""
        if not now and seconds_since(self._renewed_at) < RENEWAL_SECONDS:
            return
        stored = read_draft(self._store, self.model_id)
        if (
            stored is None
            or parse(stored).owner != owner()
            or not self._store.replace(self._key, stored, self._document())
        ):
            raise Conflict(
                f"the publication of model {self.model_id} was given up by another process of "
                f"{self._store.uri}; allowed: to publish it again"
            )

    def _document(self) -> bytes:
        self._renewed_at = timestamp()
        return encode(Draft(owner(), self._renewed_at))


def draft_key(model_id: str) -> str:
    return f"{FOLDER}/{model_id}{SUFFIX}"


def read_draft(store: Store, model_id: str) -> Stored | None:
    """Return the stored draft of ``model_id``."""
    try:
        return store.read(draft_key(model_id), MAX_DOCUMENT)
    except TooLarge as error:
        raise Conflict(f"the draft of model {model_id} is damaged: {error.detail}") from error


def parse(stored: Stored) -> Draft:
    """Return a stored draft; a damaged one belongs to no publisher, and has never been renewed."""
    try:
        draft: Draft = decode(stored.data, Draft)
    except Unreadable:
        return Draft("", "")
    return draft


def is_dead(stored: Stored, seconds: float) -> bool:
    """Return whether a question in the draft has had no answer for ``seconds``."""
    asked_at = parse(stored).asked_at
    return bool(asked_at) and seconds_since(asked_at) >= seconds


def sweep(store: Store, seconds: float, *, dry_run: bool) -> list[str]:
    """Remove dead publications, and ask those that may be dead; return the ids of the dead ones."""
    removed = []
    for model_id in drafted_ids(store):
        stored = read_draft(store, model_id)
        if stored is None:
            continue
        if is_dead(stored, seconds):
            removed.append(model_id)
            if not dry_run:
                remove(store, model_id, stored)
        elif not dry_run and may_be_dead(parse(stored), seconds):
            asked = msgspec.structs.replace(parse(stored), asked_at=timestamp())
            store.replace(draft_key(model_id), stored, encode(asked))
    return removed


def may_be_dead(draft: Draft, seconds: float) -> bool:
    return not draft.asked_at and seconds_since(draft.renewed_at) >= seconds


def remove(store: Store, model_id: str, stored: Stored) -> None:
    """Remove a dead publication; its draft last, so that a sweep that is killed is repeated."""
    claimed = encode(Draft("", timestamp(), parse(stored).asked_at))
    if store.replace(draft_key(model_id), stored, claimed):
        if not is_published(store, model_id):
            store.sweep(model_id)
        store.delete(draft_key(model_id))


def discard(store: Store, model_id: str) -> None:
    """Remove a model or the parts of one, whether it is published or not, and its draft."""
    store.delete(f"{model_id}/{MANIFEST}")
    store.sweep(model_id)
    store.delete(draft_key(model_id))


def drafted_ids(store: Store) -> Iterator[str]:
    """Yield the ids that have a draft."""
    for name in store.names(FOLDER):
        model_id = name.removesuffix(SUFFIX)
        if name.endswith(SUFFIX) and MODEL_ID.fullmatch(model_id):
            yield model_id


def adopt_strays(store: Store) -> None:
    """Write a draft for each folder of an id that has neither manifest nor draft: publishers of
    versions that wrote none, and killed sweeps, leave them. The usual looks follow."""
    drafted = {*drafted_ids(store)}
    for model_id in candidates(store, None):
        if model_id not in drafted and not is_published(store, model_id):
            store.create(draft_key(model_id), encode(Draft("", timestamp())))


def sweep_quietly(store: Store) -> None:
    """Remove dead publications; log a failure, since the caller has succeeded."""
    try:
        sweep(store, LEASE_SECONDS, dry_run=False)
    except SerError as error:
        logger.warning("leftovers in %s were not removed: %s", store.uri, error)
