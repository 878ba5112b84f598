"""Extracted features, kept on disk between trainings on the same corpus."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec

import ser
from ser._metadata import MetadataEncoding
from ser.corpora import Utterance, features_in
from ser.dataset._duplicates import SignalFacts
from ser.dataset._shards import (
    FeatureMatrix,
    Shards,
    TemporaryFolder,
    open_shards,
    removed,
    write_shards,
)
from ser.errors import StorageFull
from ser.frontends import Augmentations

MAX_ENTRIES = 4
"""Default of the maximum number of entries; those that were used least recently are removed."""
UNFINISHED = ".part"
"""Suffix of the folder of an extraction that has not ended."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of the file system that mean that no space is left."""


def cache_key(
    utterances: Sequence[Utterance],
    facts: Sequence[SignalFacts],
    front_end: bytes,
    encoding: MetadataEncoding,
    augmentations: Augmentations,
    random_state: int,
) -> str:
    """Return a key that changes with everything the features depend on: sounds, settings and code.

    The version represents the code that runs the front-end, and ``augmentations.fingerprint`` the
    code that makes the copies.
    """
    settings = (ser.__version__, encoding, random_state, utterances)
    checksum = hashlib.sha256(msgspec.json.encode(settings, enc_hook=str))
    checksum.update(front_end)
    checksum.update(augmentations.fingerprint)
    for each in facts:
        checksum.update(each.digest)
    return checksum.hexdigest()


class FeatureCache:
    """A cache of features by key, each in a folder of its own; a damaged entry counts as missing.

    If ``folder`` is ``None`` or cannot be written, features are kept in a temporary folder, which
    is removed with the last reference to them.

    Parameters
    ----------
    max_entries
        Maximum number of entries; ``None``: no limit.
    """

    def __init__(self, folder: Path | None, max_entries: int | None = MAX_ENTRIES) -> None:
        self._folder, self._max_entries = folder, max_entries

    def read(self, key: str) -> Shards | None:
        """Return the features with the key ``key``; ``None`` if they are missing."""
        if self._folder is None:
            return None
        shards = open_shards(self._folder / key)
        if shards:
            with suppress(OSError):
                os.utime(shards.folder)
        return shards

    def write(self, key: str, features: Iterable[Sequence[FeatureMatrix]], columns: int) -> Shards:
        """Write ``features`` while they are computed, and return them.

        They are an entry once all of them are written; an interruption leaves nothing.

        Parameters
        ----------
        features
            The features of each utterance, followed by those of its copies.
        columns
            Number of features.

        Raises
        ------
        StorageFull
            No space is left.
        Conflict
            Another training removed the folder.
        """
        try:
            folder = self._new_folder(key)
            if folder is None:
                owner = TemporaryFolder()
                return replace(write_shards(owner.path, features, columns), owner=owner)
            with removed_unless_renamed(folder):
                written = write_shards(folder, features, columns)
                return replace(written, folder=self._publish(folder, key))
        except OSError as error:
            if error.errno in FULL:
                raise StorageFull(f"no space is left for features: {error}") from error
            if isinstance(error, FileNotFoundError):
                raise removed(error.filename) from error
            raise

    def _new_folder(self, key: str) -> Path | None:
        """Return an empty folder for a new entry; ``None`` if there cannot be one."""
        if self._folder is None:
            return None
        folder = self._folder / f"{key}.{os.urandom(4).hex()}{UNFINISHED}"
        try:
            folder.mkdir(parents=True)
        except OSError:
            return None
        return folder

    def _publish(self, folder: Path, key: str) -> Path:
        """Make ``folder`` the entry of ``key``, and return its new path."""
        assert self._folder is not None
        entry = self._folder / key
        if entry.exists():
            entry.rename(former := entry.with_name(f"{folder.name}{UNFINISHED}"))
            shutil.rmtree(former, ignore_errors=True)
        folder.rename(entry)
        kept = [each for each in features_in(self._folder) if each.suffix != UNFINISHED]
        newest_first = sorted(kept, key=lambda each: each.stat().st_mtime, reverse=True)
        for old in newest_first[self._max_entries :] if self._max_entries else ():
            remove(old)
        for left in features_in(self._folder):
            if left.suffix == UNFINISHED:
                with suppress(OSError), locked(left):
                    remove(left)
        return entry


@contextmanager
def removed_unless_renamed(folder: Path) -> Iterator[None]:
    """Lock ``folder``, and remove it at the end of the context, if it still has this name.

    The lock ends with the process, so other processes remove what a killed one has left.
    """
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        with suppress(OSError):  # some network file systems have no locks
            stack.enter_context(locked(folder))
        yield


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock ``folder`` while the context is open; raise :class:`OSError` if it is locked."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(opened)


def remove(entry: Path) -> None:
    """Remove an entry: a folder, or a file as written by former versions."""
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
