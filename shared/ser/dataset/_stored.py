"""The features of a corpus, whose sources keep them in shards of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ser.dataset._lazy import Lazy
from ser.dataset._shards import FeatureMatrix, Shards, TemporaryFolder, write_shards

T = TypeVar("T")


class StoredPart(NamedTuple):
    """The features of one source."""

    shards: Shards
    utterances: NDArray[np.intp]
    """Index in the corpus of each utterance of the shards, in ascending order."""

    def in_order(self) -> list[StoredShard]:
        """Return all shards in the order of their utterances."""
        return [
            StoredShard(self, number, self.utterances[self.shards.utterances_in(number)])
            for number in range(len(self.shards.sizes))
        ]


class StoredShard(NamedTuple):
    """A shard of one source."""

    part: StoredPart
    number: int
    utterances: NDArray[np.intp]
    """Index in the corpus of each utterance of the shard, in ascending order."""


@dataclass(frozen=True, eq=False)
class StoredFeatures:
    """The features of the utterances of a corpus and of their copies, read when they are used."""

    parts: tuple[StoredPart, ...]

    @classmethod
    def of(cls, features: Sequence[Sequence[FeatureMatrix]]) -> StoredFeatures:
        """Return features of utterances, each followed by those of its copies, kept in a temporary
        folder."""
        owner = TemporaryFolder()
        shards = write_shards(owner.path, features, features[0][0].shape[1])
        return cls((StoredPart(replace(shards, owner=owner), np.arange(len(features))),))

    @property
    def recorded(self) -> StoredFeatures:
        """Features of which at least those of the recordings can be read on this machine."""
        return self

    @property
    def everything(self) -> StoredFeatures:
        """Features that can be read on this machine."""
        return self

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of rows of each utterance and variant, shape (utterances, variants)."""
        counts = np.concatenate([part.shards.counts for part in self.parts])
        ordered = np.empty_like(counts)
        ordered[np.concatenate([part.utterances for part in self.parts])] = counts
        return ordered

    @property
    def columns(self) -> int:
        """Number of features."""
        return self.parts[0].shards.columns

    def in_order(self) -> list[StoredShard]:
        """Return all shards, ordered by their first utterances."""
        found = [shard for part in self.parts for shard in part.in_order()]
        return sorted(found, key=lambda shard: int(shard.utterances[0]))

    def read(self, utterance: int, variants: slice) -> list[FeatureMatrix]:
        """Return the features of some variants of an utterance."""
        for part in self.parts:
            place = int(np.searchsorted(part.utterances, utterance))
            if place < len(part.utterances) and part.utterances[place] == utterance:
                return part.shards.read_utterance(place, variants)
        raise IndexError(utterance)

    def __iter__(self) -> Iterator[list[FeatureMatrix]]:
        """Yield the features of each utterance, followed by those of its copies.

        Of each source, one shard is in memory.
        """
        sources = [self._each_of(part) for part in self.parts]
        source_of = np.empty(len(self.counts), np.intp)
        for source, part in enumerate(self.parts):
            source_of[part.utterances] = source
        for source in source_of.tolist():
            yield next(sources[source])

    @staticmethod
    def _each_of(part: StoredPart) -> Iterator[list[FeatureMatrix]]:
        for shard in range(len(part.shards.sizes)):
            yield from part.shards.each_utterance(shard)


class View(Lazy[T]):
    """Some variants of each utterance; one utterance is read at an index, all of them by shards.

    Parameters
    ----------
    variants
        The variants: 0 for the recording itself, k for its k-th copy.
    element
        Function from the features of these variants to an element.
    """

    def __init__(
        self,
        stored: StoredFeatures,
        variants: slice,
        element: Callable[[Sequence[FeatureMatrix]], T],
    ) -> None:
        self._stored, self._variants, self._make = stored, variants, element

    def __len__(self) -> int:
        return len(self._stored.counts)

    def __iter__(self) -> Iterator[T]:
        return (self._make(each[self._variants]) for each in self._stored)

    def _element(self, index: int) -> T:
        return self._make(self._stored.read(index, self._variants))
