"""Adaptation to a speaker by means of a few enrolled sounds.

Speakers differ in the same features as emotions. Normalising the features of each speaker
separates the two.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._base import Origins
from ser.classifiers.discriminant._calibration import (
    FEWEST_SPEAKERS,
    TrainingSet,
    count_speakers,
    fit_calibrated,
)
from ser.classifiers.discriminant._linear import Discriminant
from ser.classifiers.discriminant._scaling import (
    Matrix,
    Scaler,
    Vector,
    constant,
    standardise_in_graph,
)

if TYPE_CHECKING:
    from spox import Var

HALF_TRUST = 20.0
"""Number of enrolled sounds at which the statistics of the speaker and of the population have the
same weight.

A lower number would help sooner if the sounds express all emotions, but with ten sounds of a single
emotion it would do harm.
"""


def default_speaker_inputs(columns: int) -> dict[str, NDArray[np.float32]]:
    """Return the default values of the speaker inputs of a graph: no sounds are enrolled.

    ``speaker_mean`` and ``speaker_deviation``, shape (features,), are statistics of the features
    over the rows of the enrolled sounds; ``speaker_count``, a scalar, is the number of sounds.
    """
    return {
        "speaker_mean": np.zeros(columns, np.float32),
        "speaker_deviation": np.zeros(columns, np.float32),
        "speaker_count": np.zeros((), np.float32),
    }


@dataclass(frozen=True)
class Enrolment:
    """The discriminant of features normalised by their speaker, mixed with the ordinary one.

    Enrolled sounds are few, and may all express the same emotion. Therefore the speaker's mean,
    the speaker's variance (both as in empirical Bayes) and the scores are mixed with those of
    the population; the speaker's share is count / (count + HALF_TRUST). The share is 0
    without enrolled sounds, and increases steadily with their number.
    """

    population: Scaler
    """The mean of all rows, and the deviation of rows from the mean of their own speaker."""
    discriminant: Discriminant
    """The discriminant of features that are normalised by their speaker."""

    def scores_in_graph(
        self,
        features: Var,
        ordinary: Var,
        *,
        speaker_mean: Var,
        speaker_deviation: Var,
        speaker_count: Var,
    ) -> Var:
        """Return the mixed scores as a node; ``ordinary`` are the scores without enrolment."""
        import spox.opset.ai.onnx.v17 as op

        known = op.div(speaker_count, op.add(speaker_count, constant(HALF_TRUST)))
        unknown = op.sub(constant(1), known)

        def mix(own: Var, common: Var) -> Var:
            return op.add(op.mul(known, own), op.mul(unknown, common))

        mean = mix(speaker_mean, constant(self.population.mean))
        variance = mix(
            op.mul(speaker_deviation, speaker_deviation), constant(self.population.deviation**2)
        )
        Z = standardise_in_graph(features, mean, op.sqrt(variance), self.population.limit)
        return mix(self.discriminant.scores_in_graph(Z), ordinary)


def fit_enrolment(
    training: TrainingSet, mean: Vector, limit: float, shrinkage: float
) -> Enrolment | None:
    """Return the enrolment learned from the rows of known speakers.

    Each speaker is normalised as if all of the speaker's sounds were enrolled. The result is
    ``None`` if fewer than :data:`FEWEST_SPEAKERS` are known, or if no speaker can be left out
    without losing an emotion.

    Parameters
    ----------
    mean
        Mean of all rows, shape (features,).
    limit, shrinkage
        See :class:`Scaler` and :meth:`Discriminant.of`.
    """
    if count_speakers(training.origins) < FEWEST_SPEAKERS:
        return None
    training = training.with_known_speakers()
    groups = rows_by_recording_condition(training.origins)
    variance = sum(len(rows) * training.X[rows].var(axis=0) for rows, _ in groups)
    population = Scaler.of(mean, np.sqrt(variance / len(training.X)), limit)
    Z = np.empty_like(training.X)
    for rows, count in groups:
        own = training.X[rows]
        Z[rows] = speaker_scaler(population, own, count).standardise(own)
    discriminant = fit_calibrated(Z, training, shrinkage)
    return Enrolment(population, discriminant) if discriminant else None


def speaker_scaler(population: Scaler, X: Matrix, count: int) -> Scaler:
    """Return the scaler of a speaker from the features ``X`` of ``count`` enrolled sounds."""
    known = count / (count + HALF_TRUST)
    mean = known * X.mean(axis=0) + (1 - known) * population.mean
    variance = known * X.var(axis=0) + (1 - known) * population.deviation**2
    return Scaler(mean, np.sqrt(variance), population.limit)


def rows_by_recording_condition(origins: Origins) -> list[tuple[NDArray[np.intp], int]]:
    """Return the rows of each speaker in each variant, and the number of their utterances.

    A telephone line changes a voice as much as another speaker would, so each variant of a
    speaker is normalised separately.
    """
    found: dict[tuple[str, int], list[int]] = defaultdict(list)
    for row, key in enumerate(zip(origins.speakers, origins.variants, strict=True)):
        found[key].append(row)
    return [(np.array(rows), len(np.unique(origins.names[rows]))) for rows in found.values()]
