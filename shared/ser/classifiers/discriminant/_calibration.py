"""Calibration of a discriminant on utterances that are left out of its training.

With many features and few utterances a discriminant is overconfident. Dividing its scores by one
temperature corrects that (Guo et al., On calibration of modern neural networks, ICML 2017).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import ClassIndices, Origins, Rows
from ser.classifiers.discriminant._linear import Discriminant, Moments
from ser.classifiers.discriminant._scaling import Matrix

FOLDS = 10
"""Maximum number of folds of the calibration."""
FEWEST_SPEAKERS = 3
"""Minimum number of known speakers for folds of speakers instead of utterances."""
TEMPERATURES = (0.1, 1000.0)
"""Search range of the temperature; without it, scores without errors would lead to 0."""


@dataclass(frozen=True)
class TrainingSet:
    """The rows of a training set, each with its origin and its fold."""

    X: Matrix
    """Unscaled features, shape (rows, features)."""
    y: ClassIndices
    """Index of the class of each row, shape (rows,)."""
    origins: Origins
    """Speaker, utterance, variant and corpus of each row."""
    folds: NDArray[np.intp]
    """Fold of each row, shape (rows,); the rows of a fold are left out together."""
    classes: int
    """Number of classes."""

    @classmethod
    def of(cls, rows: Rows, random_state: int) -> TrainingSet:
        """Return the training set of ``rows``, with folds for the calibration.

        The folds are the corpora, if several contain each emotion: a temperature that was fitted
        to speakers of known corpora would be too low for a new one. Otherwise they are those of
        :func:`assign_folds`.
        """
        blocks = [*rows.blocks()]
        utterances = np.concatenate([block.utterances for block in blocks])
        variants = np.concatenate([block.variants for block in blocks])
        X, y = np.concatenate([block.X for block in blocks]), rows.y[utterances]
        origins = replace(rows.origins[utterances], variants=variants)
        found, corpora = np.unique(origins.corpora, return_inverse=True)
        shared = min(len(np.unique(origins.corpora[y == label])) for label in np.unique(y)) > 1
        folds = corpora if len(found) > 1 and shared else assign_folds(origins, random_state)
        return cls(X.astype(np.float64), y, origins, folds, int(y.max()) + 1)

    def __getitem__(self, rows: NDArray[np.bool_]) -> TrainingSet:
        """Return the training set of ``rows``, a mask of shape (rows,)."""
        return TrainingSet(
            self.X[rows], self.y[rows], self.origins[rows], self.folds[rows], self.classes
        )


def assign_folds(origins: Origins, random_state: int) -> NDArray[np.intp]:
    """Return the fold of each row, shape (rows,).

    All rows of a speaker are in the same fold. If the speaker of a row is unknown, or fewer than
    :data:`FEWEST_SPEAKERS` are known, all rows of its take are in the same fold.
    """
    speakers, takes = origins.speakers, origins.takes
    by_speaker = count_speakers(origins) >= FEWEST_SPEAKERS
    groups = np.where((speakers != "") & by_speaker, speakers, takes)
    found, group = np.unique(groups, return_inverse=True)
    # Names in order may cycle through the classes, so that a fold would contain a single class.
    shuffled = np.random.default_rng(random_state).permutation(len(found))
    return np.asarray(shuffled[group] % FOLDS)


def count_speakers(origins: Origins) -> int:
    """Return the number of known speakers."""
    return len(set(origins.speakers) - {""})


def fit_calibrated(Z: Matrix, training: TrainingSet, shrinkage: float) -> Discriminant | None:
    """Return a discriminant trained on all rows, with a temperature fitted to rows left out.

    The temperature is fitted to original recordings only, since models are not applied to
    augmented copies. The result is ``None`` if every fold contains all rows of some class.

    Parameters
    ----------
    Z
        Standardised features of ``training``, shape (rows, features).
    shrinkage
        See :meth:`Discriminant.of`.
    """
    everything = Moments.of(Z, training.y, training.classes)
    scores, scored = np.zeros((len(Z), training.classes)), np.zeros(len(Z), bool)
    for left_out in masks(training.folds):
        others = everything - Moments.of(Z[left_out], training.y[left_out], training.classes)
        if others.counts.all():
            scores[left_out] = Discriminant.of(others, shrinkage).scores(Z[left_out])
            scored |= left_out & (training.origins.variants == 0)
    if not scored.any():
        return None
    temperature = best_temperature(scores[scored], training.y[scored])
    return Discriminant.of(everything, shrinkage).with_temperature(temperature)


def masks(folds: NDArray[np.intp]) -> Iterator[NDArray[np.bool_]]:
    """Yield a mask of the rows of each fold, shape (rows,)."""
    for fold in np.unique(folds):
        yield folds == fold


def best_temperature(scores: Matrix, y: ClassIndices) -> float:
    """Return the temperature that minimises the cross-entropy of ``scores`` with ``y``."""
    from scipy.optimize import minimize_scalar

    def cross_entropy(logarithm: float) -> float:
        divided = scores / np.exp(logarithm)
        true = divided[np.arange(len(y)), y]
        return float(np.mean(np.logaddexp.reduce(divided, axis=1) - true))

    found = minimize_scalar(cross_entropy, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))
