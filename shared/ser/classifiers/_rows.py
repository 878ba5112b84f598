"""The rows of a training set, read in blocks, as often as a training needs them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

FeatureMatrix = NDArray[np.float32]
"""Features, shape (rows, features)."""
ClassIndices = NDArray[np.int64]
"""Index of the class of each row or utterance, 0..n-1."""

BLOCK_ROWS = 4096
"""Number of rows after which a block ends. Products of larger matrices are not faster."""


@dataclass(frozen=True, eq=False)
class Origins:
    """The speaker, the utterance, its take, variant and corpus of each row of a training set.

    Selecting rows from it works as it does with an array. scikit-learn therefore splits it
    along with ``X`` and ``y`` when it is given as a parameter of ``fit``.
    """

    speakers: NDArray[np.str_]
    """Speaker of each row, shape (rows,); an empty string if unknown."""
    names: NDArray[np.str_]
    """Name of the utterance from which each row was cut, shape (rows,)."""
    variants: NDArray[np.int64]
    """0 for the recording itself, k for its k-th augmented copy; shape (rows,)."""
    takes: NDArray[np.str_]
    """Take of each row, shape (rows,): the name of its utterance, or a name that it shares with the
    other versions of the same recording."""
    corpora: NDArray[np.str_] = field(default_factory=lambda: np.empty(0, np.str_))
    """Corpus of each row, shape (rows,). Default: empty strings, for a single corpus."""

    def __post_init__(self) -> None:
        if not len(self.corpora):
            object.__setattr__(self, "corpora", np.full(len(self.names), ""))

    @classmethod
    def unknown(cls, count: int) -> Origins:
        """Return the origins of ``count`` rows, each of which is an utterance without a speaker."""
        names = np.arange(count).astype(str)
        return cls(np.full(count, ""), names, np.zeros(count, np.int64), names)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def shape(self) -> tuple[int]:
        """Shape of an array with one value for each row: (rows,)."""
        return (len(self),)

    def __getitem__(self, rows: Any) -> Origins:
        """Return the origins of ``rows``: a mask, indices or a slice."""
        return Origins(
            self.speakers[rows],
            self.names[rows],
            self.variants[rows],
            self.takes[rows],
            self.corpora[rows],
        )


class Block(NamedTuple):
    """The rows of some utterances and of their augmented copies."""

    X: FeatureMatrix
    """Features, shape (rows, features)."""
    utterances: NDArray[np.intp]
    """Index of the utterance of each row, shape (rows,): into the arrays of :class:`Rows`."""
    variants: NDArray[np.int64]
    """0 for the recording itself, k for its k-th augmented copy; shape (rows,)."""

    @property
    def recorded(self) -> Block:
        """The rows of the recordings, without those of augmented copies."""
        rows = self.variants == 0
        return Block(self.X[rows], self.utterances[rows], self.variants[rows])


class Summand(Protocol):
    """A result that can be added to others of its kind, in any order."""

    def __add__(self, other: Self, /) -> Self: ...


S = TypeVar("S", bound=Summand)
K = TypeVar("K", bound=Hashable)


class Table(dict[K, S]):
    """Sums by key. The sum of two tables adds the values of the keys that both have."""

    def __add__(self, other: Table[K, S]) -> Table[K, S]:
        total = Table({**self, **other})
        total.update({key: self[key] + other[key] for key in self.keys() & other.keys()})
        return total

    def __iadd__(self, other: Table[K, S]) -> Table[K, S]:
        for key, value in other.items():
            if key in self:
                self[key] += value
            else:
                self[key] = value
        return self


def sum_of(results: Iterator[S]) -> S:
    """Return the sum of ``results``, one or more, which are added in place where possible."""
    total = next(results)
    # A loop variable would keep a result in memory while the next one is made.
    with suppress(StopIteration):
        while True:
            total += next(results)
    return total


class Rows(ABC):
    """The rows of a training set: features that are read block by block, and what they belong to.

    A classifier that needs only sums over the rows takes them by :meth:`sum`, so its memory does
    not depend on their number.
    """

    y: ClassIndices
    """Index of the class of each utterance, shape (utterances,)."""
    origins: Origins
    """Origin of each utterance, with one entry per utterance; its variants are 0."""
    columns: int
    """Number of features."""
    count: int
    """Number of rows, including those of augmented copies."""

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yield all rows. All rows of an utterance are in the same block."""

    def sum(self, work: Callable[[Block], S]) -> S:
        """Return the sum of the results of ``work`` for all blocks.

        ``work`` can be pickled, since the blocks may be on other machines. Results are added in
        place where they support it, so ``work`` returns new ones.
        """
        return sum_of(map(work, self.blocks()))

    def on_each_machine(self) -> Rows:
        """Return these rows so that they can be pickled, and read by every worker of theirs."""
        return self

    @abstractmethod
    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        """Return the rows of the ``chosen`` utterances, a mask of shape (utterances,)."""

    def as_arrays(self) -> tuple[FeatureMatrix, ClassIndices]:
        """Return all features, shape (rows, features), and classes, shape (rows,), in memory."""
        X = np.empty((self.count, self.columns), np.float32)
        y = np.empty(self.count, np.int64)
        filled = 0
        for block in self.blocks():
            rows = slice(filled, filled + len(block.X))
            X[rows], y[rows] = block.X, self.y[block.utterances]
            filled = rows.stop
        return X, y


class ArrayRows(Rows):
    """Rows of arrays in memory.

    Parameters
    ----------
    X
        Features, shape (rows, features).
    y
        Index of the class of each row, shape (rows,).
    origins
        Origin of each row. Default: every row is an utterance of an unknown speaker.
    """

    def __init__(self, X: FeatureMatrix, y: ClassIndices, origins: Origins | None = None) -> None:
        origins = origins or Origins.unknown(len(X))
        _, names = np.unique(origins.names, return_inverse=True)
        # Rows of one name with different labels cannot be of the same utterance.
        _, first, found = np.unique(
            names * (y.max(initial=0) + 1) + y, return_index=True, return_inverse=True
        )
        # Utterances in the order of their first rows, so that blocks keep the order of the rows.
        utterances = np.argsort(np.argsort(first))[found]
        first = np.sort(first)
        self._X, self._utterances, self._variants = X, utterances, origins.variants
        self._rows = np.argsort(utterances, kind="stable")
        self.y = y[first]
        self.origins = origins_of_utterances(origins, first)
        self.count, self.columns = X.shape

    def blocks(self) -> Iterator[Block]:
        ordered = self._utterances[self._rows]
        start = 0
        while start < self.count:
            last = ordered[min(start + BLOCK_ROWS, self.count) - 1]
            stop = int(np.searchsorted(ordered, last, side="right"))
            rows = self._rows[start:stop]
            yield Block(self._X[rows], self._utterances[rows], self._variants[rows])
            start = stop

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        kept = copy(self)
        kept._rows = self._rows[chosen[self._utterances[self._rows]]]
        kept._utterances = (np.cumsum(chosen) - 1)[self._utterances]
        kept.y, kept.origins = self.y[chosen], self.origins[chosen]
        kept.count = len(kept._rows)
        return kept

    def as_arrays(self) -> tuple[FeatureMatrix, ClassIndices]:
        if self.count == len(self._X):
            return self._X, self.y[self._utterances]
        rows = np.sort(self._rows)
        return self._X[rows], self.y[self._utterances[rows]]


def origins_of_utterances(origins: Origins, first: NDArray[np.intp]) -> Origins:
    """Return the origins of utterances, given the index of the first row of each."""
    return Origins(
        origins.speakers[first],
        origins.names[first],
        np.zeros(len(first), np.int64),
        origins.takes[first],
        origins.corpora[first],
    )
