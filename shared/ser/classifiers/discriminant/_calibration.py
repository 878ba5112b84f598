"""Calibration of discriminants on utterances that are left out of their trainings.

With many features and few utterances a discriminant is overconfident. Dividing its scores by one
temperature corrects that (Guo et al., On calibration of modern neural networks, ICML 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import Block, ClassIndices, Origins, Rows, Table
from ser.classifiers.discriminant._linear import Discriminant, Moments
from ser.classifiers.discriminant._scaling import Matrix, Vector
from ser.classifiers.discriminant._sums import Standardise, groups

FOLDS = 10
"""Maximum number of folds of the calibration."""
FEWEST_SPEAKERS = 3
"""Minimum number of known speakers for folds of speakers instead of utterances."""
LOGARITHMS = np.linspace(np.log(0.1), np.log(1000), 185)
"""Logarithms of the temperatures at which the cross-entropy is summed, in steps of 0.05. Without
the limits, scores without errors would lead to 0."""
ROWS_AT_ONCE = 64
"""Number of rows whose odds at all temperatures are in memory, and in the processor's cache."""
MOST_CELLS = 32
"""Maximum number of cells whose moments are in memory together."""


class Training(NamedTuple):
    """A training on some utterances, with the folds of its calibration."""

    folds: NDArray[np.intp]
    """Fold of each utterance, shape (utterances,), or -1 if it is not trained on. The utterances of
    a fold are left out together."""
    classes: ClassIndices
    """Classes of the training in their order, of those of all utterances."""

    @classmethod
    def of(cls, y: ClassIndices, origins: Origins, random_state: int) -> Training:
        """Return the training on utterances with the classes ``y``.

        The folds are the corpora, if several contain each emotion: a temperature that was fitted
        to speakers of known corpora would be too low for a new one. Otherwise they are those of
        :func:`assign_folds`.
        """
        found, corpora = np.unique(origins.corpora, return_inverse=True)
        classes = np.unique(y)
        shared = min(len(np.unique(corpora[y == label])) for label in classes) > 1
        by_corpus = len(found) > 1 and shared
        return cls(corpora if by_corpus else assign_folds(origins, random_state), classes)

    def among(self, chosen: NDArray[np.bool_]) -> Training:
        """Return the training among more utterances, of which it uses the ``chosen`` ones."""
        folds = np.full(len(chosen), -1, np.intp)
        folds[chosen] = self.folds
        return self._replace(folds=folds)

    def without(self, left_out: NDArray[np.bool_]) -> Training:
        """Return the training without the utterances ``left_out``, a mask."""
        return self._replace(folds=np.where(left_out, -1, self.folds))


class Calibrated(NamedTuple):
    """A discriminant and the means of its classes, shape (classes, features)."""

    discriminant: Discriminant
    centres: Matrix
    temperature: float | None
    """``None`` if every fold contains all rows of some class: then it is not calibrated."""


def assign_folds(origins: Origins, random_state: int) -> NDArray[np.intp]:
    """Return the fold of each utterance (or row), an array of the length of ``origins``.

    All utterances of a speaker are in the same fold. If the speaker of an utterance is unknown, or
    fewer than :data:`FEWEST_SPEAKERS` are known, all versions of its take are in the same fold.
    """
    speakers, takes = origins.speakers, origins.takes
    by_speaker = count_speakers(origins) >= FEWEST_SPEAKERS
    names = np.where((speakers != "") & by_speaker, speakers, takes)
    found, group = np.unique(names, return_inverse=True)
    # Names in order may cycle through the classes, so that a fold would contain a single class.
    shuffled = np.random.default_rng(random_state).permutation(len(found))
    return np.asarray(shuffled[group] % FOLDS)


def count_speakers(origins: Origins) -> int:
    """Return the number of known speakers."""
    return len(set(origins.speakers) - {""})


def fit_calibrated(
    rows: Rows, standardise: Standardise, trainings: Sequence[Training], shrinkage: float
) -> list[Calibrated | None]:
    """Return the discriminant of each of ``trainings``, with a temperature for rows left out.

    The temperature is fitted to original recordings only, since models are not applied to
    augmented copies. A result is ``None`` if a class has no rows.

    Parameters
    ----------
    standardise
        The standardisation, which is the same for all trainings.
    shrinkage
        See :meth:`Discriminant.of`.
    """
    found: list[Calibrated | None] = []
    for batch in batches(trainings):
        fitted, left_out = fit_with_folds(rows, standardise, batch, shrinkage)
        entropies = rows.sum(CrossEntropies(standardise, rows.y, batch, left_out))
        temperatures = map(best_temperature, entropies)
        found += [
            calibrated and calibrated._replace(temperature=temperature)
            for calibrated, temperature in zip(fitted, temperatures, strict=True)
        ]
    return found


def batches(trainings: Sequence[Training]) -> Iterator[list[Training]]:
    """Yield ``trainings`` in parts with at most :data:`MOST_CELLS` cells, or of one training."""
    batch: list[Training] = []
    for training in trainings:
        if batch and len(cells_of([*batch, training])[0]) > MOST_CELLS:
            yield batch
            batch = []
        batch.append(training)
    if batch:
        yield batch


def cells_of(trainings: Sequence[Training]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the cells of utterances that no training and no fold divides.

    The first array has the fold of each cell in each training, shape (cells, trainings); the second
    the cell of each utterance, shape (utterances,).
    """
    folds = np.stack([training.folds for training in trainings], axis=1)
    patterns, cells = np.unique(folds, axis=0, return_inverse=True)
    return patterns, cells.reshape(-1)


LeftOut = Mapping[int, Discriminant]
"""The discriminants of a training without each of its folds, by the fold."""


def fit_with_folds(
    rows: Rows, standardise: Standardise, trainings: Sequence[Training], shrinkage: float
) -> tuple[list[Calibrated | None], list[LeftOut]]:
    """Return the discriminant of each training, and those without each of its folds.

    A fold without which a class has no rows is left out of the latter.
    """
    patterns, cells = cells_of(trainings)
    used = np.asarray((patterns >= 0).any(axis=1))
    classes = int(rows.y.max()) + 1
    moments = rows.sum(CellMoments(standardise, rows.y, cells, used, classes))
    # Leaving out one speaker, and then another, leaves the same as the other way round.
    known: dict[tuple[bytes, bytes], Discriminant] = {}

    def total(chosen: NDArray[np.bool_], training: Training) -> Moments:
        parts = [part for cell, part in moments.items() if chosen[cell]]
        return reduce(add, parts).only(training.classes)

    fitted: list[Calibrated | None] = []
    left_out: list[LeftOut] = []
    for training, folds in zip(trainings, patterns.T, strict=True):
        everything = total(folds >= 0, training)
        without: dict[int, Discriminant] = {}
        for fold in np.unique(folds[folds >= 0]).tolist():
            key = ((folds >= 0) & (folds != fold)).tobytes(), training.classes.tobytes()
            if key not in known:
                others = everything - total(folds == fold, training)
                if not others.counts.all():
                    continue
                known[key] = Discriminant.of(others, shrinkage, rough=True)
            without[fold] = known[key]
        left_out.append(without)
        fitted.append(
            Calibrated(Discriminant.of(everything, shrinkage), everything.centres, None)
            if everything.counts.all()
            else None
        )
    return fitted, left_out


@dataclass(frozen=True)
class CellMoments:
    """Moments of each cell of the utterances."""

    standardise: Standardise
    y: ClassIndices
    """Class of each utterance, shape (utterances,)."""
    cells: NDArray[np.intp]
    """Cell of each utterance, shape (utterances,)."""
    used: NDArray[np.bool_]
    """Whether a cell has moments, shape (cells,)."""
    classes: int
    """Number of classes."""

    def __call__(self, block: Block) -> Table[int, Moments]:
        Z, utterances = self.standardise(block)
        y = self.y[utterances]
        return Table(
            {
                cell: Moments.of(Z[rows], y[rows], self.classes)
                for (cell,), rows in groups(self.cells[utterances])
                if self.used[cell]
            }
        )


@dataclass(frozen=True)
class CrossEntropies:
    """Cross-entropy of recordings that are left out, shape (trainings, :data:`LOGARITHMS`)."""

    standardise: Standardise
    y: ClassIndices
    """Class of each utterance, shape (utterances,)."""
    trainings: Sequence[Training]
    left_out: Sequence[LeftOut]

    def __call__(self, block: Block) -> Matrix:
        Z, utterances = self.standardise(block.recorded)
        total = np.zeros((len(self.trainings), len(LOGARITHMS)))
        for row, training, discriminants in zip(total, self.trainings, self.left_out, strict=True):
            y = np.searchsorted(training.classes, self.y[utterances])
            for (fold,), left_out in groups(training.folds[utterances]):
                if fold in discriminants:
                    scores = discriminants[fold].scores(Z[left_out])
                    row += cross_entropies(scores, y[left_out])
        return total


def cross_entropies(scores: Matrix, y: ClassIndices) -> Vector:
    """Return the cross-entropy of ``scores`` with ``y`` at each of :data:`LOGARITHMS`, summed."""
    excess = scores - scores[np.arange(len(y)), y][:, None]
    highest = excess.max(axis=1, keepdims=True)
    excess -= highest
    factors = np.exp(-LOGARITHMS)
    total = highest.sum() * factors
    for start in range(0, len(excess), ROWS_AT_ONCE):
        part = excess[start : start + ROWS_AT_ONCE]
        total += np.log(np.exp(factors[:, None, None] * part).sum(axis=2)).sum(axis=1)
    return np.asarray(total)


def best_temperature(entropies: Vector) -> float | None:
    """Return the temperature with the lowest cross-entropy, given that of :data:`LOGARITHMS`.

    ``None`` if there is none, because no row was left out. A spline between the steps finds the
    minimum to a share of 1e-4.
    """
    from scipy.interpolate import CubicSpline

    if not entropies.any():
        return None
    lowest = int(entropies.argmin())
    logarithm = LOGARITHMS[lowest]
    if 0 < lowest < len(LOGARITHMS) - 1:
        near = slice(max(lowest - 4, 0), lowest + 5)
        slope = CubicSpline(LOGARITHMS[near], entropies[near]).derivative()
        roots = slope.roots(extrapolate=False)
        logarithm = roots[np.abs(roots - logarithm).argmin()]
    return float(np.exp(logarithm))
