"""The rows of a large corpus, made of those of a small one: its features with noise, repeated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.classifiers import ArrayRows, Block, Origins, Rows

FeatureMatrix = NDArray[np.float32]

NOISE = 0.05
"""Deviation of the noise, relative to that of each feature."""
SHIFTS = 1 << 20
"""Number of places at which the noise of a block begins. All noise is from one series of random
numbers, since drawing it anew for each row would take longer than the training."""
FIELDS = ("speakers", "names", "variants", "takes", "corpora")


class RepeatedRows(Rows):
    """Repetitions of rows in memory; each has speakers and utterances of its own, and noise.

    Blocks are made when they are read, and are the same each time.

    Parameters
    ----------
    base
        The rows to repeat.
    seed
        Seed of the noise.
    chosen
        The utterances of each repetition that belong to this set, shape (repetitions, utterances of
        ``base``).
    """

    def __init__(self, base: ArrayRows, seed: int, chosen: NDArray[np.bool_]) -> None:
        self._base, self._seed, self._chosen = base, seed, chosen
        counts, largest = np.zeros(len(base.y), np.int64), 0
        for block in base.blocks():
            counts += np.bincount(block.utterances, minlength=len(counts))
            largest = max(largest, block.X.size)
        noise = np.random.default_rng(seed).standard_normal(largest + SHIFTS, np.float32)
        self._noise = noise
        self._deviation = NOISE * base.as_arrays()[0].std(axis=0)
        repetition, utterance = np.nonzero(chosen)
        origins = base.origins[utterance]
        self.y = base.y[utterance]
        self.origins = Origins(
            numbered(origins.speakers, repetition),
            numbered(origins.names, repetition),
            origins.variants,
            numbered(origins.takes, repetition),
            origins.corpora,
        )
        self.columns, self.count = base.columns, int((chosen @ counts).sum())

    @classmethod
    def load(cls, file: Path, times: int, seed: int) -> RepeatedRows:
        """Return ``times`` repetitions of the rows that :func:`save` has written to ``file``."""
        with np.load(file) as saved:
            origins = Origins(*(saved[name] for name in FIELDS))
            base = ArrayRows(saved["X"], saved["y"], origins)
        return cls(base, seed, np.ones((times, len(base.y)), np.bool_))

    def blocks(self) -> Iterator[Block]:
        first = 0
        for repetition, chosen in enumerate(self._chosen):
            # Index of each chosen utterance among those of all repetitions.
            index = first + np.cumsum(chosen) - 1
            first += int(chosen.sum())
            for part, block in enumerate(self._base.blocks()):
                rows = chosen[block.utterances]
                if rows.any():
                    X = block.X + self._noise_of(block.X, repetition, part)
                    utterances = index[block.utterances[rows]]
                    yield Block(X[rows], utterances, block.variants[rows])

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        kept = self._chosen.copy()
        kept[self._chosen] = chosen
        return RepeatedRows(self._base, self._seed, kept)

    def _noise_of(self, X: FeatureMatrix, repetition: int, part: int) -> FeatureMatrix:
        """Return the noise for ``X``, the block ``part`` of the base."""
        random = np.random.default_rng((self._seed, repetition, part))
        start = int(random.integers(SHIFTS))
        noise: FeatureMatrix = self._deviation * self._noise[start:][: X.size].reshape(X.shape)
        return noise


def save(file: Path, X: FeatureMatrix, y: NDArray[np.int64], origins: Origins) -> None:
    """Write the rows of a training set to ``file``."""
    np.savez(file, X=X, y=y, **{name: getattr(origins, name) for name in FIELDS})


def numbered(names: NDArray[np.str_], repetition: NDArray[np.intp]) -> NDArray[np.str_]:
    """Return each name with the number of its repetition."""
    return np.char.add(np.char.add(names, "-"), repetition.astype(str))
