"""How sure a discriminant may be, learned from utterances that it has not learned from.

Features that are many beside the utterances make it far too sure. Dividing its scores by one
temperature mends that (Guo et al., On calibration of modern neural networks, ICML 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._base import Classes, Features, Origins
from ser.classifiers.discriminant._linear import Discriminant, Moments
from ser.classifiers.discriminant._scaling import Rows

FOLDS = 10
"""Parts of the training data that are left out in turn, at the most."""
FEWEST_SPEAKERS = 3
"""With fewer, leaving one out says little of what the others are worth."""
TEMPERATURES = (0.1, 1000.0)
"""Where the best one is sought; without a mistake to learn from, the lowest would be 0."""


@dataclass(frozen=True)
class Lesson:
    """What there is to learn from."""

    X: Rows
    """Features as they come, shape (rows, features)."""
    y: Classes
    origins: Origins
    folds: NDArray[np.intp]
    """Of each row, shape (rows,): what is left out together."""
    classes: int

    @classmethod
    def of(cls, X: Features, y: Classes, origins: Origins | None, random_state: int) -> Lesson:
        if origins is None:
            each_its_own = np.arange(len(X)).astype(str)
            origins = Origins(np.full(len(X), ""), each_its_own, np.zeros(len(X), np.int64))
        return cls(X.astype(np.float64), y, origins, deal(origins, random_state), int(y.max()) + 1)

    def of_known_speakers(self) -> Lesson:
        """Return the part whose speakers are known."""
        known = self.origins.speakers != ""
        origins = Origins(*(each[known] for each in self.origins))
        return Lesson(self.X[known], self.y[known], origins, self.folds[known], self.classes)


def deal(origins: Origins, random_state: int) -> NDArray[np.intp]:
    """Return the fold of each row: that of its speaker, or of its utterance if few are known."""
    speakers, names, _ = origins
    by_speaker = count_speakers(origins) >= FEWEST_SPEAKERS
    groups = np.where((speakers != "") & by_speaker, speakers, names)
    found, group = np.unique(groups, return_inverse=True)
    # Dealt at random: names in order may take the classes in turn, and one fold get all of one.
    shuffled = np.random.default_rng(random_state).permutation(len(found))
    return np.asarray(shuffled[group] % FOLDS)


def count_speakers(origins: Origins) -> int:
    """Return the number of speakers that are known."""
    return len(set(origins.speakers) - {""})


def calibrated(Z: Rows, lesson: Lesson, shrinkage: float) -> Discriminant | None:
    """Return the discriminant of ``Z``, the lesson's normalised features, at its best temperature.

    That is the best one for rows that were left out. Only those as recorded are judged:
    augmented copies are not what a model is asked about. ``None``: nothing can be judged, since
    a class goes with whatever is left out.
    """
    everything = Moments.of(Z, lesson.y, lesson.classes)
    scores, judged = np.zeros((len(Z), lesson.classes)), np.zeros(len(Z), bool)
    for fold in np.unique(lesson.folds):
        left_out = lesson.folds == fold
        others = everything - Moments.of(Z[left_out], lesson.y[left_out], lesson.classes)
        if others.counts.all():
            scores[left_out] = Discriminant.of(others, shrinkage).scores(Z[left_out])
            judged |= left_out & (lesson.origins.variants == 0)
    if not judged.any():
        return None
    temperature = best_temperature(scores[judged], lesson.y[judged])
    return Discriminant.of(everything, shrinkage).softened(temperature)


def best_temperature(scores: Rows, y: Classes) -> float:
    """Return the temperature at which ``scores`` have the least cross-entropy with ``y``."""
    from scipy.optimize import minimize_scalar

    def cross_entropy(logarithm: float) -> float:
        softened = scores / np.exp(logarithm)
        truth = softened[np.arange(len(y)), y]
        return float(np.mean(np.logaddexp.reduce(softened, axis=1) - truth))

    found = minimize_scalar(cross_entropy, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))
