"""What a few sounds of a speaker tell of his voice, so that it is not taken for an emotion."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._base import Origins
from ser.classifiers.discriminant._calibration import (
    FEWEST_SPEAKERS,
    Lesson,
    calibrated,
    count_speakers,
)
from ser.classifiers.discriminant._linear import Discriminant
from ser.classifiers.discriminant._scaling import (
    Rows,
    Scaler,
    Vector,
    constant,
    standardised_in_graph,
)

if TYPE_CHECKING:
    from spox import Var

HALF_TRUST = 20.0
"""Number of enrolled sounds that count as much as what is known of all speakers.

With fewer, sounds of all emotions would help earlier, but ten of one emotion do harm.
"""


def nobody(columns: int) -> dict[str, NDArray[np.float32]]:
    """Return the defaults of the graph's inputs that tell of a speaker, by name.

    The mean and the deviation of his features over the rows of his enrolled sounds, shape
    (features,), and how many sounds these are.
    """
    return {
        "speaker_mean": np.zeros(columns, np.float32),
        "speaker_deviation": np.zeros(columns, np.float32),
        "speaker_count": np.zeros((), np.float32),
    }


@dataclass(frozen=True)
class Enrolment:
    """How a speaker is judged of whom sounds are enrolled.

    They are few, and may all be of one emotion. Three things are therefore mixed with what holds
    for all speakers, by the weight count / (count + HALF_TRUST): their mean, their variance (both
    as in empirical Bayes), and the scores. Nothing jumps as sounds are added, and none change
    nothing.
    """

    everyone: Scaler
    """The mean of all, and the deviation of speakers from their own mean."""
    discriminant: Discriminant

    def scores_in_graph(
        self,
        features: Var,
        ordinary: Var,
        *,
        speaker_mean: Var,
        speaker_deviation: Var,
        speaker_count: Var,
    ) -> Var:
        """Return the scores, given the ``ordinary`` ones of a speaker of whom nothing is known."""
        import spox.opset.ai.onnx.v17 as op

        known = op.div(speaker_count, op.add(speaker_count, constant(HALF_TRUST)))
        unknown = op.sub(constant(1), known)

        def mixed(own: Var, common: Var) -> Var:
            return op.add(op.mul(known, own), op.mul(unknown, common))

        mean = mixed(speaker_mean, constant(self.everyone.mean))
        variance = mixed(
            op.mul(speaker_deviation, speaker_deviation), constant(self.everyone.deviation**2)
        )
        Z = standardised_in_graph(features, mean, op.sqrt(variance), self.everyone.limit)
        return mixed(self.discriminant.scores_in_graph(Z), ordinary)


def learn_enrolment(
    lesson: Lesson, mean: Vector, limit: float, shrinkage: float
) -> Enrolment | None:
    """Return what ``lesson`` teaches of speakers, or ``None`` if too few of them are known.

    Each speaker is normalised as if he had enrolled all that there is of him. ``mean`` is that of
    all rows, shape (features,).
    """
    if count_speakers(lesson.origins) < FEWEST_SPEAKERS:
        return None
    lesson = lesson.of_known_speakers()
    found = recordings(lesson.origins)
    variance = sum(len(rows) * lesson.X[rows].var(axis=0) for rows, _ in found) / len(lesson.X)
    everyone = Scaler.of(mean, np.sqrt(variance), limit)
    Z = np.empty_like(lesson.X)
    for rows, count in found:
        Z[rows] = expected(everyone, lesson.X[rows], count).standardised(lesson.X[rows])
    discriminant = calibrated(Z, lesson, shrinkage)
    return Enrolment(everyone, discriminant) if discriminant else None


def expected(everyone: Scaler, X: Rows, count: int) -> Scaler:
    """Return the scaler for a speaker of whose ``count`` sounds the features are ``X``."""
    known = count / (count + HALF_TRUST)
    mean = known * X.mean(axis=0) + (1 - known) * everyone.mean
    variance = known * X.var(axis=0) + (1 - known) * everyone.deviation**2
    return Scaler(mean, np.sqrt(variance), everyone.limit)


def recordings(origins: Origins) -> list[tuple[NDArray[np.intp], int]]:
    """Return the rows of each speaker in each variant, and the number of utterances they are of.

    A telephone changes a voice as another speaker would: each variant is normalised by itself.
    """
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(origins.speakers, origins.variants, strict=True)):
        found[key].append(row)
    return [(np.array(rows), len(np.unique(origins.names[rows]))) for rows in found.values()]
