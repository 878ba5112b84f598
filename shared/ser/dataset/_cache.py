"""Extracted features, kept on disk between trainings on the same corpus."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

import ser
from ser._metadata import MetadataEncoding
from ser.dataset._duplicates import Recording
from ser.frontends import Augmentations

MAX_FILES = 4
"""Maximum number of files; those that were used least recently are removed."""

FeatureMatrix = NDArray[np.float32]
"""Features of one signal, shape (chunks, features)."""


def cache_key(
    recordings: Sequence[Recording],
    front_end: bytes,
    encoding: MetadataEncoding,
    augmentations: Augmentations,
    random_state: int,
) -> str:
    """Return a key that changes with everything the features depend on: sounds, settings and code.

    The version represents the code that runs the front-end, and ``augmentations.fingerprint`` the
    code that makes the copies.
    """
    utterances = [utterance for utterance, _ in recordings]
    settings = (ser.__version__, encoding, random_state, utterances)
    checksum = hashlib.sha256(msgspec.json.encode(settings, enc_hook=str))
    checksum.update(front_end)
    checksum.update(augmentations.fingerprint)
    for _, signal in recordings:
        checksum.update(signal.data)
    return checksum.hexdigest()


class FeatureCache:
    """A cache of features by key, in files of ``folder``; a damaged file counts as missing.

    An entry has the features of each recording, followed by those of its copies. If ``folder`` is
    ``None``, nothing is kept.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def read(self, key: str) -> list[list[FeatureMatrix]] | None:
        """Return the features with the key ``key``; ``None`` if they are missing."""
        if self._folder is None:
            return None
        file = self._folder / f"{key}.npz"
        try:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
                rows, counts = kept["rows"], kept["counts"]
            os.utime(file)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        chunks = iter(np.split(rows, counts.ravel().cumsum()[:-1]))
        return [list(islice(chunks, sounds)) for sounds in [counts.shape[1]] * len(counts)]

    def write(self, key: str, features: Sequence[Sequence[FeatureMatrix]]) -> None:
        """Keep ``features``; an error is ignored, since it only makes later trainings slower."""
        if self._folder is None:
            return
        counts = np.array([[len(sound) for sound in sounds] for sounds in features])
        rows = np.concatenate([sound for sounds in features for sound in sounds])
        unfinished = self._folder / f"{key}.{os.getpid()}.part"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                np.savez(file, rows=rows, counts=counts)
            unfinished.replace(self._folder / f"{key}.npz")
            newest_first = sorted(
                self._folder.glob("*.npz"), key=lambda kept: kept.stat().st_mtime, reverse=True
            )
            for old in newest_first[MAX_FILES:]:
                old.unlink(missing_ok=True)
