"""Calibration of a discriminant on utterances that are left out of its training.

With many features and few utterances a discriminant is overconfident. Dividing its scores by one
temperature corrects that (Guo et al., On calibration of modern neural networks, ICML 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._base import ClassIndices, FeatureMatrix, Origins
from ser.classifiers.discriminant._linear import Discriminant, Moments
from ser.classifiers.discriminant._scaling import Matrix

FOLDS = 10
"""Maximum number of folds."""
FEWEST_SPEAKERS = 3
"""Minimum number of known speakers for leaving out speakers instead of utterances."""
TEMPERATURES = (0.1, 1000.0)
"""Search range; without it, scores that make no mistake would have the temperature 0."""


@dataclass(frozen=True)
class TrainingSet:
    """The rows of a training, each with its origin and its fold."""

    X: Matrix
    """Unscaled features, shape (rows, features)."""
    y: ClassIndices
    origins: Origins
    folds: NDArray[np.intp]
    """Fold of each row, shape (rows,); the rows of a fold are left out together."""
    classes: int

    @classmethod
    def of(
        cls, X: FeatureMatrix, y: ClassIndices, origins: Origins | None, random_state: int
    ) -> TrainingSet:
        """Return the training set of ``X`` and ``y``.

        Without ``origins``, every row is an utterance of an unknown speaker.
        """
        if origins is None:
            names = np.arange(len(X)).astype(str)
            origins = Origins(np.full(len(X), ""), names, np.zeros(len(X), np.int64))
        folds = assign_folds(origins, random_state)
        return cls(X.astype(np.float64), y, origins, folds, int(y.max()) + 1)

    def with_known_speakers(self) -> TrainingSet:
        """Return the rows whose speaker is known."""
        known = self.origins.speakers != ""
        return TrainingSet(
            self.X[known], self.y[known], self.origins[known], self.folds[known], self.classes
        )


def assign_folds(origins: Origins, random_state: int) -> NDArray[np.intp]:
    """Return the fold of each row, shape (rows,).

    All rows of a speaker share a fold; where fewer than :data:`FEWEST_SPEAKERS` are known, or
    the speaker of a row is not, all rows of an utterance do.
    """
    speakers, names = origins.speakers, origins.names
    by_speaker = count_speakers(origins) >= FEWEST_SPEAKERS
    groups = np.where((speakers != "") & by_speaker, speakers, names)
    found, group = np.unique(groups, return_inverse=True)
    # Sorted names may cycle through the classes, and a fold would then hold a single class.
    shuffled = np.random.default_rng(random_state).permutation(len(found))
    return np.asarray(shuffled[group] % FOLDS)


def count_speakers(origins: Origins) -> int:
    """Return the number of known speakers."""
    return len(set(origins.speakers) - {""})


def fit_calibrated(Z: Matrix, training: TrainingSet, shrinkage: float) -> Discriminant | None:
    """Return a discriminant trained on all rows, at the temperature that suits rows left out.

    The temperature is chosen on original recordings alone, since a model is not used on augmented
    copies. The result is ``None`` if every fold contains all rows of some class.

    Parameters
    ----------
    Z
        Standardised features of ``training``, shape (rows, features).
    shrinkage
        See :meth:`Discriminant.of`.
    """
    everything = Moments.of(Z, training.y, training.classes)
    scores, scored = np.zeros((len(Z), training.classes)), np.zeros(len(Z), bool)
    for fold in np.unique(training.folds):
        left_out = training.folds == fold
        others = everything - Moments.of(Z[left_out], training.y[left_out], training.classes)
        if others.counts.all():
            scores[left_out] = Discriminant.of(others, shrinkage).scores(Z[left_out])
            scored |= left_out & (training.origins.variants == 0)
    if not scored.any():
        return None
    temperature = best_temperature(scores[scored], training.y[scored])
    return Discriminant.of(everything, shrinkage).with_temperature(temperature)


def best_temperature(scores: Matrix, y: ClassIndices) -> float:
    """Return the temperature that minimises the cross-entropy of ``scores`` with ``y``."""
    from scipy.optimize import minimize_scalar

    def cross_entropy(logarithm: float) -> float:
        divided = scores / np.exp(logarithm)
        truth = divided[np.arange(len(y)), y]
        return float(np.mean(np.logaddexp.reduce(divided, axis=1) - truth))

    found = minimize_scalar(cross_entropy, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))
