"""Rows in groups, and the mean and the variance of their features, which can be merged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import Block, FeatureMatrix, Origins, Table
from ser.classifiers.discriminant._scaling import Matrix, Scaler, Vector
from ser.errors import InvalidInput


class Sample(NamedTuple):
    """Standardised features of some rows or sounds."""

    Z: Matrix
    """Features, shape (rows, features)."""
    utterances: NDArray[np.intp]
    """Index of the utterance of each row, shape (rows,)."""


class Standardise(Protocol):
    """A function from a block to standardised features, which can be pickled."""

    def __call__(self, block: Block) -> Sample: ...


@dataclass(frozen=True)
class StandardiseRows:
    """Standardisation of all rows by one scaler."""

    scaler: Scaler

    def __call__(self, block: Block) -> Sample:
        return Sample(self.scaler.standardise(block.X), block.utterances)


@dataclass(frozen=True)
class MeansOfUtterances:
    """Mean of the standardised rows of each recording; those of copies are left out."""

    scaler: Scaler
    """Its limit is ignored."""

    def __call__(self, block: Block) -> Sample:
        recorded = block.recorded
        order = np.argsort(recorded.utterances, kind="stable")
        utterances, first, counts = np.unique(
            recorded.utterances[order], return_index=True, return_counts=True
        )
        Z = replace(self.scaler, limit=np.inf).standardise(recorded.X[order])
        # Most utterances have one row, and reduceat refuses to sum no rows.
        means = Z if len(utterances) == len(Z) else np.add.reduceat(Z, first) / counts[:, None]
        return Sample(means, utterances)


def groups(*values: NDArray[np.integer]) -> Iterator[tuple[tuple[int, ...], NDArray[np.intp]]]:
    """Yield each combination of ``values``, arrays of shape (rows,), and the indices of its rows.

    The combinations of (0, 1, 0) and (2, 2, 2) are (0, 2), of the rows 0 and 2, and (1, 2), of the
    row 1.
    """
    table = np.stack(values)
    order = np.lexsort(table[::-1])
    changes = np.any(np.diff(table[:, order], axis=1), axis=0)
    for rows in np.split(order, np.flatnonzero(changes) + 1):
        if len(rows):
            yield tuple(table[:, rows[0]].tolist()), rows


@dataclass(frozen=True)
class Statistics:
    """Number, mean and standard deviation of rows."""

    rows: int
    utterances: int
    """Number of utterances to which the rows belong."""
    mean: Vector
    """Mean of each feature, shape (features,)."""
    deviation: NDArray[np.float32]
    """Standard deviation of each feature, shape (features,).

    Single precision, since these are most of the memory of a fit to thousands of speakers.
    """

    @classmethod
    def of(cls, X: FeatureMatrix, utterances: NDArray[np.intp]) -> Statistics:
        """Return the statistics of ``X``, given the index of the utterance of each row.

        Raises
        ------
        InvalidInput
            ``X`` contains NaN or infinity.
        """
        mean = X.mean(axis=0, dtype=np.float64)
        if not np.isfinite(mean).all():
            raise InvalidInput("X contains NaN or infinity; allowed: finite numbers")
        offsets = X - mean
        variance = np.einsum("rf,rf->f", offsets, offsets) / len(X)
        return cls(len(X), len(np.unique(utterances)), mean, np.sqrt(variance).astype(np.float32))

    @property
    def variance(self) -> Vector:
        """Variance of each feature, shape (features,)."""
        return self.deviation.astype(np.float64) ** 2

    @property
    def squares(self) -> Vector:
        """Sum of the squared deviations of each feature from its mean, shape (features,)."""
        return self.variance * self.rows

    def __add__(self, other: Statistics) -> Statistics:
        """Return the statistics of the rows of both, which have no utterance in common.

        The update by the difference of the means does not lose digits (Chan, Golub, LeVeque,
        Algorithms for computing the sample variance, American Statistician 37, 1983).
        """
        rows = self.rows + other.rows
        offset = other.mean - self.mean
        between = offset**2 * (self.rows * other.rows / rows)
        return Statistics(
            rows,
            self.utterances + other.utterances,
            self.mean + offset * (other.rows / rows),
            np.sqrt((self.squares + other.squares + between) / rows).astype(np.float32),
        )


class Speakers(NamedTuple):
    """The speakers of utterances. A corpus has a further one for its unknown speakers."""

    utterances: NDArray[np.intp]
    """Index of the speaker of each utterance, shape (utterances,)."""
    corpora: NDArray[np.intp]
    """Index of the corpus of each speaker, shape (speakers,)."""
    known: NDArray[np.bool_]
    """Whether each speaker is known, shape (speakers,)."""

    @classmethod
    def of(cls, origins: Origins) -> Speakers:
        """Return the speakers of utterances with ``origins``."""
        _, corpora = np.unique(origins.corpora, return_inverse=True)
        names, speakers = np.unique(origins.speakers, return_inverse=True)
        _, first, found = np.unique(
            corpora * len(names) + speakers, return_index=True, return_inverse=True
        )
        return cls(found, corpora[first], origins.speakers[first] != "")

    def only(self, chosen: NDArray[np.bool_]) -> Speakers:
        """Return the same speakers for the ``chosen`` utterances, a mask."""
        return self._replace(utterances=self.utterances[chosen])


Cells = Table[tuple[int, int, int], Statistics]
"""Statistics of each speaker in each variant and each cell of the utterances."""
Conditions = Table[tuple[int, int], Statistics]
"""Statistics of each speaker in each variant, by the index of the speaker and the variant.

A telephone line changes a voice as much as another speaker would."""


@dataclass(frozen=True)
class StatisticsByCell:
    """Statistics of the rows of a block by the speaker, the variant and the cell."""

    speakers: NDArray[np.intp]
    """Index of the speaker of each utterance, shape (utterances,)."""
    cells: NDArray[np.intp]
    """Cell of each utterance, shape (utterances,)."""

    def __call__(self, block: Block) -> Cells:
        speakers, cells = self.speakers[block.utterances], self.cells[block.utterances]
        return Table(
            {
                (speaker, variant, cell): Statistics.of(block.X[rows], block.utterances[rows])
                for (speaker, variant, cell), rows in groups(speakers, block.variants, cells)
            }
        )


def conditions_of(statistics: Cells, kept: NDArray[np.bool_]) -> Conditions:
    """Return the statistics of the ``kept`` cells, a mask, without the division into cells."""
    found: Conditions = Table()
    for (speaker, variant, cell), each in statistics.items():
        if kept[cell]:
            found += Table({(speaker, variant): each})
    return found
