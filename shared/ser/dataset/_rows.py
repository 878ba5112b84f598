"""The features of utterances as rows for the training of a classifier."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ser.classifiers import Block, Origins, Rows, Summand, sum_of
from ser.dataset._cluster_features import ClusterFeatures
from ser.dataset._extraction import ExtractedCorpus
from ser.dataset._loading import LoadedCorpus
from ser.dataset._partitions import Extraction, KeptPartition
from ser.dataset._stored import StoredFeatures, StoredPart, StoredShard

S = TypeVar("S", bound=Summand)

NOT_CHOSEN = -1


class FeatureRows(NamedTuple):
    """The features of utterances, one row for each chunk. All arrays are in memory."""

    X: NDArray[np.float32]
    """Features, shape (rows, features)."""
    y: NDArray[np.int64]
    """Class of each row, shape (rows,): an index into the labels of :class:`LoadedCorpus`."""
    names: NDArray[np.str_]
    """Name of the utterance of each row, shape (rows,)."""


class TrainingRows(NamedTuple):
    """The rows of utterances and of their augmented copies. All arrays are in memory, read-only."""

    X: NDArray[np.float32]
    """Features, shape (rows, features)."""
    y: NDArray[np.int64]
    """Class of each row, shape (rows,): an index into the labels of :class:`LoadedCorpus`."""
    origins: Origins
    """Speaker, utterance, variant, take and corpus of each row."""

    def as_recorded(self) -> FeatureRows:
        """Return the rows of the utterances themselves, without those of their copies."""
        recorded = self.origins.variants == 0
        return FeatureRows(self.X[recorded], self.y[recorded], self.origins.names[recorded])

    @classmethod
    def of(cls, rows: Rows) -> TrainingRows:
        """Return all ``rows`` in memory, in the order of the utterances and their variants."""
        X = np.empty((rows.count, rows.columns), np.float32)
        utterances, variants = np.empty(rows.count, np.intp), np.empty(rows.count, np.int64)
        filled = 0
        for block in rows.blocks():
            place = slice(filled, filled + len(block.X))
            X[place], utterances[place], variants[place] = block
            filled = place.stop
        if (np.diff(utterances) < 0).any():  # the utterances of several sources alternate
            order = np.argsort(utterances, kind="stable")
            X, utterances, variants = X[order], utterances[order], variants[order]
        origins = rows.origins[utterances]
        found = cls(
            X,
            rows.y[utterances],
            Origins(origins.speakers, origins.names, variants, origins.takes, origins.corpora),
        )
        for array in (found.X, found.y, *vars(found.origins).values()):
            array.setflags(write=False)
        return found


class ShardRows(Rows):
    """Rows that are read from shards, one shard for each block.

    It can be pickled: another process on the same machine reads the files itself.

    Parameters
    ----------
    stored
        The features of a corpus.
    y, origins
        Class and origin of each utterance of the corpus.
    """

    def __init__(self, stored: StoredFeatures, y: NDArray[np.int64], origins: Origins) -> None:
        self._stored = stored
        self._chosen = np.arange(len(y))
        self.y, self.origins = y, origins
        self.columns = stored.columns
        self.count = int(stored.counts.sum())

    def blocks(self) -> Iterator[Block]:
        position = positions(self._chosen, len(self._stored.counts))
        return blocks_of(self._stored.in_order(), position)

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        rows = ShardRows(self._stored, self.y, self.origins)
        rows._chosen = self._chosen[chosen]
        rows.y, rows.origins = self.y[chosen], self.origins[chosen]
        rows.count = int(self._stored.counts[rows._chosen].sum())
        return rows


class ClusterRows(Rows):
    """Rows that the workers of a cluster keep.

    Sums are computed there. Blocks are read from a copy of all features on this machine.

    Parameters
    ----------
    features
        The features of a corpus.
    y, origins
        Class and origin of each utterance of the corpus.
    """

    def __init__(self, features: ClusterFeatures, y: NDArray[np.int64], origins: Origins) -> None:
        self._features = features
        self._all = y, origins
        self._choose(np.arange(len(y)))
        self.columns = features.columns

    def _choose(self, chosen: NDArray[np.intp]) -> None:
        y, origins = self._all
        self._chosen = chosen
        self.y, self.origins = y[chosen], origins[chosen]
        self.count = int(self._features.counts[chosen].sum())

    def sum(self, work: Callable[[Block], S]) -> S:
        position = positions(self._chosen, len(self._features.counts))
        return self._features.sum(PartSum(work, position), self._chosen)

    def blocks(self) -> Iterator[Block]:
        return self._of(self._features.everything).blocks()

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        rows = copy(self)
        rows._choose(self._chosen[chosen])
        return rows

    def on_each_machine(self) -> Rows:
        return self._of(self._features.on_each_machine())

    def _of(self, stored: StoredFeatures) -> Rows:
        chosen = np.zeros(len(stored.counts), bool)
        chosen[self._chosen] = True
        rows = ShardRows(stored, *self._all).only(chosen)
        rows.y = self.y  # a classifier may have numbered the classes anew
        return rows


@dataclass(frozen=True)
class PartSum(Generic[S]):
    """The sum of the results of ``work`` for all blocks of some partitions, on their worker."""

    work: Callable[[Block], S]
    position: NDArray[np.intp]
    """As for :func:`blocks_of`."""

    def __call__(self, extraction: Extraction, *kept: KeptPartition) -> S:
        parts = (StoredPart(extraction.shards(each), each.utterances) for each in kept)
        shards = (shard for part in parts for shard in part.in_order())
        return sum_of(map(self.work, blocks_of(shards, self.position)))


def positions(chosen: NDArray[np.intp], utterances: int) -> NDArray[np.intp]:
    """Return the index of each utterance of a corpus among those ``chosen``, or
    :data:`NOT_CHOSEN`."""
    position = np.full(utterances, NOT_CHOSEN)
    position[chosen] = np.arange(len(chosen))
    return position


def blocks_of(shards: Iterable[StoredShard], position: NDArray[np.intp]) -> Iterator[Block]:
    """Yield the rows of ``shards``, a block for each shard with utterances that are chosen.

    ``position`` has the index of each utterance of the corpus in the rows, or :data:`NOT_CHOSEN`.
    """
    for part, number, utterances in shards:
        if (position[utterances] == NOT_CHOSEN).all():
            continue
        counts = part.shards.counts[part.shards.utterances_in(number)]
        variants = np.tile(np.arange(counts.shape[1]), len(counts))
        rows = Block(
            part.shards.read(number),
            np.repeat(position[utterances], counts.sum(axis=1)),
            np.repeat(variants, counts.ravel()),
        )
        kept = rows.utterances != NOT_CHOSEN
        yield rows if kept.all() else Block(*(each[kept] for each in rows))


def training_rows(
    loaded: LoadedCorpus, extracted: ExtractedCorpus, names: Collection[str] | None = None
) -> Rows:
    """Return the rows of the utterances ``names`` (``None``: all) and of their copies.

    They are read block by block, from the disk of this machine or of the workers of a cluster. An
    index of a class is one into ``loaded.labels``.
    """
    classes = {label.code: index for index, label in enumerate(loaded.labels)}
    utterances = loaded.utterances
    y = np.array([classes[utterance.code] for utterance in utterances])
    origins = Origins(
        np.array([utterance.speaker for utterance in utterances]),
        np.array([utterance.name for utterance in utterances]),
        np.zeros(len(utterances), np.int64),
        np.array([utterance.group for utterance in utterances]),
        np.array([utterance.corpus for utterance in utterances]),
    )
    stored = extracted.stored
    rows: Rows = (
        ShardRows(stored, y, origins)
        if isinstance(stored, StoredFeatures)
        else ClusterRows(stored, y, origins)
    )
    if names is None:
        return rows
    return rows.only(np.array([utterance.name in names for utterance in utterances]))
