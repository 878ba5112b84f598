"""Parts of a corpus whose features a worker of a cluster extracts, and keeps on its own disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.dataset._cache import FeatureCache
from ser.dataset._lazy import Lazy
from ser.dataset._loading import unreachable
from ser.dataset._shards import FeatureMatrix, Shards
from ser.dataset._signals import Recording, StoredRecording
from ser.errors import InvalidInput, RemoteFailed
from ser.parallel import pack, this_worker, unpack

MAX_UTTERANCES = 512
"""Maximum number of utterances of a partition."""
PARTITIONS_PER_WORKER = 8
"""Number of partitions for each worker of a small corpus, so that all workers end together."""
KEPT_RUNS = 2
"""Number of extractions whose features a worker keeps; the former ones are removed."""


class Partition(NamedTuple):
    """Consecutive utterances of a corpus."""

    first: int
    """Index of the first utterance."""
    recordings: Sequence[StoredRecording | Recording]


@dataclass(frozen=True, eq=False)
class KeptPartition:
    """The features of a partition, in files on the disk of a worker, which this object describes.

    If the files are missing on a worker, it extracts the features again.
    """

    first: int
    counts: NDArray[np.int64]
    """Number of rows of each utterance and variant, shape (utterances, variants)."""
    columns: int
    packed: bytes = field(repr=False)
    """The partition."""

    @property
    def utterances(self) -> NDArray[np.intp]:
        """Indices of the utterances in the corpus."""
        return np.arange(self.first, self.first + len(self.counts))

    def __sizeof__(self) -> int:
        # Dask sends a task to the worker for which the fewest bytes have to move.
        return len(self.packed) + 4 * self.columns * int(self.counts.sum())


@dataclass(frozen=True)
class Extraction:
    """The extraction of features on workers; each gets it once."""

    key: str
    """Key of the features of the whole corpus."""
    features: Callable[[StoredRecording | Recording], list[FeatureMatrix]]
    columns: int
    opened: dict[str, Shards] = field(default_factory=dict, repr=False)
    """Shards whose checksums this process has compared, by partition."""

    def __call__(self, partition: Partition) -> KeptPartition:
        """Return ``partition`` with its features on the disk of this worker."""
        counts = self._shards(partition).counts
        return KeptPartition(partition.first, counts, self.columns, pack(partition))

    def shards(self, kept: KeptPartition) -> Shards:
        """Return the features of a partition, on the disk of this worker."""
        key = partition_key(kept.first, len(kept.counts))
        return self.opened.get(key) or self._shards(unpack(kept.packed))

    def _shards(self, partition: Partition) -> Shards:
        key = partition_key(partition.first, len(partition.recordings))
        if key not in self.opened:
            cache = self._cache()
            shards = cache.read(key)
            if shards is None:
                require_access(partition.recordings[0])
                features = map(self.features, partition.recordings)
                shards = cache.write(key, features, self.columns)
            self.opened[key] = shards
        return self.opened[key]

    def store(self, kept: KeptPartition, features: Sequence[Sequence[FeatureMatrix]]) -> None:
        """Write features that another worker has extracted to the disk of this one."""
        key, cache = partition_key(kept.first, len(kept.counts)), self._cache()
        if key not in self.opened:
            self.opened[key] = cache.read(key) or cache.write(key, features, self.columns)

    def _cache(self) -> FeatureCache:
        """Return the features on the disk of this worker; remove those of former extractions."""
        worker = this_worker()
        if worker is None:
            return FeatureCache(None)
        folder = worker.folder / "features"
        own = folder / self.key
        own.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            os.utime(own)
            newest_first = sorted(folder.iterdir(), key=modified, reverse=True)
            for former in newest_first[KEPT_RUNS:]:
                shutil.rmtree(former, ignore_errors=True)
        return FeatureCache(own, max_entries=None)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "opened": {}}


def modified(path: Path) -> float:
    """Return the time of the last change of ``path``."""
    return path.stat().st_mtime


def partition_key(first: int, utterances: int) -> str:
    """Return the name of the features of a partition."""
    return f"{first}-{first + utterances}"


def require_access(recording: StoredRecording | Recording) -> None:
    """Raise :class:`ser.parallel.UnusableCluster` if this worker cannot read a sound that was
    read when the corpus was loaded."""
    worker = this_worker()
    if worker and isinstance(recording, StoredRecording):
        try:
            recording.sound.read()
        except (InvalidInput, RemoteFailed) as error:
            raise unreachable(worker.address, error.detail) from error


class Partitions(Lazy[Partition]):
    """``recordings`` in partitions for a number of workers."""

    def __init__(self, recordings: Sequence[StoredRecording | Recording], workers: int) -> None:
        self._recordings = recordings
        share = len(recordings) // (PARTITIONS_PER_WORKER * max(1, workers))
        self._size = min(MAX_UTTERANCES, max(1, share))

    def __len__(self) -> int:
        return -(-len(self._recordings) // self._size)

    def _element(self, index: int) -> Partition:
        first = index * self._size
        return Partition(first, self._recordings[first : first + self._size])
