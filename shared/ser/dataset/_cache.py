"""Features that were extracted before, kept beside the corpus they are of."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

import ser
from ser._metadata import MetadataEncoding
from ser.dataset._loading import Loaded
from ser.frontends import Augmentations

if TYPE_CHECKING:
    import onnx

KEPT = 4
"""How many are kept: those used last."""

Features = NDArray[np.float32]
"""Shape (chunks, features)."""


def digest(
    loaded: Loaded,
    front_end: onnx.ModelProto,
    encoding: MetadataEncoding,
    augmentations: Augmentations,
    random_state: int,
) -> str:
    """Return a key that differs wherever features could: in sounds, settings or code."""
    settings = (ser.__version__, encoding, random_state, loaded.utterances)
    found = hashlib.sha256(msgspec.json.encode(settings, enc_hook=str))
    found.update(front_end.SerializeToString(deterministic=True))
    found.update(augmentations.fingerprint)
    for signal in loaded.signals:
        found.update(signal.data)
    return found.hexdigest()


class FeatureCache:
    """Features in files of ``folder``, by key; a file that is damaged is none.

    For each utterance they are those of the utterance as recorded and of its copies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, key: str) -> list[list[Features]] | None:
        """Return the features kept under ``key``, if there are any."""
        file = self._file(key)
        try:
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
                rows, counts = kept["rows"], kept["counts"]
            os.utime(file)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        chunks = iter(np.split(rows, counts.ravel().cumsum()[:-1]))
        return [list(islice(chunks, sounds)) for sounds in [counts.shape[1]] * len(counts)]

    def write(self, key: str, features: Sequence[Sequence[Features]]) -> None:
        """Keep ``features``, if there is room: without them a training is slower, not worse."""
        counts = np.array([[len(sound) for sound in sounds] for sounds in features])
        rows = np.concatenate([sound for sounds in features for sound in sounds])
        unfinished = self._folder / f"{key}.{os.getpid()}.part"
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                np.savez(file, rows=rows, counts=counts)
            unfinished.replace(self._file(key))
            newest_first = sorted(
                self._folder.glob("*.npz"), key=lambda kept: kept.stat().st_mtime, reverse=True
            )
            for old in newest_first[KEPT:]:
                old.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.npz"
