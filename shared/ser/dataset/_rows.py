"""The features of utterances as rows for the training of a classifier."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.classifiers import Block, Origins, Rows
from ser.dataset._extraction import ExtractedCorpus
from ser.dataset._loading import LoadedCorpus
from ser.dataset._stored import StoredFeatures

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
        position = np.full(len(self._stored.counts), NOT_CHOSEN)
        position[self._chosen] = np.arange(len(self._chosen))
        for part, number, utterances in self._stored.in_order():
            if (position[utterances] == NOT_CHOSEN).all():
                continue
            counts = self._stored.counts[utterances]
            variants = np.tile(np.arange(counts.shape[1]), len(counts))
            rows = Block(
                part.shards.read(number),
                np.repeat(position[utterances], counts.sum(axis=1)),
                np.repeat(variants, counts.ravel()),
            )
            kept = rows.utterances != NOT_CHOSEN
            yield rows if kept.all() else Block(*(each[kept] for each in rows))

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        rows = ShardRows(self._stored, self.y, self.origins)
        rows._chosen = self._chosen[chosen]
        rows.y, rows.origins = self.y[chosen], self.origins[chosen]
        rows.count = int(self._stored.counts[rows._chosen].sum())
        return rows


def training_rows(
    loaded: LoadedCorpus, extracted: ExtractedCorpus, names: Collection[str] | None = None
) -> Rows:
    """Return the rows of the utterances ``names`` (``None``: all) and of their copies.

    They are read from disk, block by block. An index of a class is one into ``loaded.labels``.
    """
    classes = {label.code: index for index, label in enumerate(loaded.labels)}
    utterances = loaded.utterances
    rows = ShardRows(
        extracted.stored,
        np.array([classes[utterance.code] for utterance in utterances]),
        Origins(
            np.array([utterance.speaker for utterance in utterances]),
            np.array([utterance.name for utterance in utterances]),
            np.zeros(len(utterances), np.int64),
            np.array([utterance.group for utterance in utterances]),
            np.array([utterance.corpus for utterance in utterances]),
        ),
    )
    if names is None:
        return rows
    return rows.only(np.array([utterance.name in names for utterance in utterances]))
