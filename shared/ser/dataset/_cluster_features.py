"""The features of a corpus on the disks of the workers of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ser._progress import ProgressCallback
from ser.dataset._partitions import Extraction, KeptPartition, Partitions
from ser.dataset._shards import FeatureMatrix, TemporaryFolder, write_shards
from ser.dataset._signals import Recording, StoredRecording
from ser.dataset._stored import StoredFeatures, StoredPart
from ser.parallel import Workers

R = TypeVar("R")


class ClusterFeatures:
    """The features of the utterances of a corpus and of their copies, kept by workers of a cluster.

    The workers read and decode the sounds themselves, so only addresses are sent to them.

    Parameters
    ----------
    extraction
        The extraction of features from a sound.
    recordings
        The addresses of the sounds.
    """

    def __init__(
        self,
        extraction: Extraction,
        recordings: Sequence[StoredRecording | Recording],
        workers: Workers,
        on_progress: ProgressCallback,
    ) -> None:
        self._extraction = extraction
        self._kept = workers.keep(extraction, partial(Partitions, recordings), on_progress)
        self._firsts = np.array([kept.first for kept in self._kept.values])
        self.counts: NDArray[np.int64] = np.concatenate([k.counts for k in self._kept.values])
        self.columns = extraction.columns

    def sum(self, work: Callable[..., R], chosen: NDArray[np.intp]) -> R:
        """Return the sum of the results of ``work(extraction, *partitions)`` on all workers.

        Only partitions with an utterance of ``chosen``, indices, are read.
        """
        indices = np.unique(np.searchsorted(self._firsts, chosen, side="right") - 1)
        return self._kept.sum(work, indices.tolist())

    @cached_property
    def recorded(self) -> StoredFeatures:
        """The features of the recordings, copied to a temporary folder of this machine."""
        return self._copied(slice(0, 1))

    @cached_property
    def everything(self) -> StoredFeatures:
        """All features, copied to a temporary folder of this machine."""
        return self._copied(slice(None))

    def _copied(self, variants: slice) -> StoredFeatures:
        owner = TemporaryFolder()
        parts = []
        read = partial(read_variants, variants)
        for kept, rows in zip(self._kept.values, self._kept.each(read), strict=True):
            folder = owner.path / str(kept.first)
            folder.mkdir()
            features = in_matrices(rows, kept.counts[:, variants])
            shards = replace(write_shards(folder, features, self.columns), owner=owner)
            parts.append(StoredPart(shards, kept.utterances))
        return StoredFeatures(tuple(parts))

    def on_each_machine(self) -> StoredFeatures:
        """Return all features so that every worker reads them from its own disk.

        Each worker gets a copy of those that it has not extracted, from another worker.
        """
        self._kept.share(partial(read_variants, slice(None)), write)
        return FeaturesOfWorker(self._extraction, self._kept.values, self.counts, self.columns)


class FeaturesOfWorker(StoredFeatures):
    """The features of a corpus on the disk of the worker that reads them.

    Those that are missing are extracted again.
    """

    def __init__(
        self,
        extraction: Extraction,
        kept: list[KeptPartition],
        counts: NDArray[np.int64],
        columns: int,
    ) -> None:
        vars(self).update(_extraction=extraction, _kept=kept, counts=counts, _columns=columns)

    @cached_property
    def parts(self) -> tuple[StoredPart, ...]:
        extraction: Extraction = vars(self)["_extraction"]
        kept: list[KeptPartition] = vars(self)["_kept"]
        return tuple(StoredPart(extraction.shards(each), each.utterances) for each in kept)

    @property
    def columns(self) -> int:
        found: int = vars(self)["_columns"]
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "parts"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def read_variants(variants: slice, extraction: Extraction, kept: KeptPartition) -> FeatureMatrix:
    """Return the rows of some variants of the utterances of a partition, in their order."""
    shards = extraction.shards(kept)
    return np.concatenate(
        [
            matrix
            for shard in range(len(shards.sizes))
            for each in shards.each_utterance(shard)
            for matrix in each[variants]
        ]
    )


def write(extraction: Extraction, kept: KeptPartition, rows: FeatureMatrix) -> None:
    """Write all ``rows`` of a partition to the disk of this worker."""
    extraction.store(kept, [*in_matrices(rows, kept.counts)])


def in_matrices(rows: FeatureMatrix, counts: NDArray[np.int64]) -> Iterator[list[FeatureMatrix]]:
    """Yield the features of the variants of each utterance, given the numbers of their rows."""
    matrices = iter(np.split(rows, np.cumsum(counts.ravel())[:-1]))
    for each in counts:
        yield [next(matrices) for _ in each]
