"""Adaptation to a speaker and to a domain (a channel, a room, a corpus) by enrolled sounds.

Speakers and recordings differ in the same features as emotions. Comparing a sound with the mean of
its own speaker, or at least of its own domain, separates the two.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import ClassIndices, Origins
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

HALF_TRUST = 8.0
"""Number of enrolled sounds at which their mean and the mean that it replaces have the same weight.

Of 1, 2, 3, 5, 8, 12 and 20 it gives domains the highest recall on average over four corpora (see
docs/confidence.md). A lower number helps speakers sooner, but harms them more if all of their
sounds express the same emotion.
"""
DEVIATION_HALF_TRUST = 20.0
"""The same for the deviation of a speaker, of which few sounds tell less than of the mean."""
EMOTIONAL_SHARE = 0.4
"""Share of a speaker's offset that is ascribed to the emotions of the enrolled sounds, in the
directions in which emotions differ. The sounds may all express the same emotion."""
ROUNDING = 1e-6
"""Length of a direction, relative to the longest, below which it is a rounding error."""


def default_domain_inputs(columns: int) -> dict[str, NDArray[np.float32]]:
    """Return the default values of the domain inputs of a graph: no sounds are enrolled.

    ``domain_mean``, shape (features,), is the mean of the features over the enrolled sounds;
    ``domain_count``, a scalar, is the number of sounds.
    """
    return {
        "domain_mean": np.zeros(columns, np.float32),
        "domain_count": np.zeros((), np.float32),
    }


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


class Centre(NamedTuple):
    """The mean that features are compared with, as nodes of a graph."""

    mean: Var
    """Mean of each feature, shape (features,)."""
    known: Var
    """Share of enrolled sounds in the mean, a scalar; the rest is the mean of the training."""


def domain_centre(mean: Vector, domain_mean: Var, domain_count: Var) -> Centre:
    """Return the centre of a domain; ``mean`` is that of the training.

    The domain's mean is shrunken towards that of the training (empirical Bayes): its share is
    count / (count + :data:`HALF_TRUST`), so without enrolled sounds nothing changes.
    """
    known = trust_in_graph(domain_count, HALF_TRUST)
    return Centre(mix_in_graph(known, domain_mean, constant(mean)), known)


@dataclass(frozen=True)
class Adaptation:
    """The discriminant of features that are compared with the mean of their own speaker.

    The larger the share of enrolled sounds in a :class:`Centre`, the larger the share of this
    discriminant in the scores. It also serves domains: without the differences between speakers
    and corpora, it has learned from the emotions alone.
    """

    population: Scaler
    """The mean of all rows, and the deviation of rows from the mean of their own speaker."""
    discriminant: Discriminant
    """The discriminant of features that are normalised by their speaker."""
    directions: Matrix
    """Orthonormal directions in which emotions differ, shape (directions, features)."""

    def centre_in_graph(self, domain: Centre, speaker_mean: Var, speaker_count: Var) -> Centre:
        """Return the centre of a speaker, shrunken towards that of the domain."""
        import spox.opset.ai.onnx.v17 as op

        deviation = constant(self.population.deviation)
        offset = op.div(op.sub(speaker_mean, domain.mean), deviation)
        emotional = op.matmul(
            op.matmul(offset, constant(self.directions.T)),
            constant(EMOTIONAL_SHARE * self.directions),
        )
        own = op.add(domain.mean, op.mul(op.sub(offset, emotional), deviation))
        known = trust_in_graph(speaker_count, HALF_TRUST)
        one = constant(1)
        unknown = op.mul(op.sub(one, known), op.sub(one, domain.known))
        return Centre(mix_in_graph(known, own, domain.mean), op.sub(one, unknown))

    def scores_in_graph(
        self,
        features: Var,
        ordinary: Var,
        centre: Centre,
        speaker_deviation: Var,
        speaker_count: Var,
    ) -> Var:
        """Return the scores, mixed with ``ordinary``, those of the other discriminant."""
        import spox.opset.ai.onnx.v17 as op

        variance = mix_in_graph(
            trust_in_graph(speaker_count, DEVIATION_HALF_TRUST),
            op.mul(speaker_deviation, speaker_deviation),
            constant(self.population.deviation**2),
        )
        Z = standardise_in_graph(features, centre.mean, op.sqrt(variance), self.population.limit)
        return mix_in_graph(centre.known, self.discriminant.scores_in_graph(Z), ordinary)


def fit_adaptation(
    training: TrainingSet, mean: Vector, limit: float, shrinkage: float
) -> Adaptation | None:
    """Return the adaptation learned from the rows whose speaker or corpus is known.

    Each speaker is normalised as if all sounds of the speaker and of the corpus were enrolled. The
    result is ``None`` if there is a single corpus with fewer than :data:`FEWEST_SPEAKERS` known
    speakers, or if no speaker can be left out without losing an emotion.

    Parameters
    ----------
    mean
        Mean of all rows, shape (features,).
    limit, shrinkage
        See :class:`Scaler` and :meth:`Discriminant.of`.
    """
    several = len(set(training.origins.corpora)) > 1
    if not several and count_speakers(training.origins) < FEWEST_SPEAKERS:
        return None
    training = training[(training.origins.speakers != "") | several]
    groups = rows_by_recording_condition(training.origins)
    variance = sum(len(rows) * training.X[rows].var(axis=0) for rows, _ in groups)
    population = Scaler.of(mean, np.sqrt(variance / len(training.X)), limit)
    means = corpus_means(training, mean) if several else {}
    Z = np.empty_like(training.X)
    for rows, count in groups:
        own = training.X[rows]
        prior = means.get(str(training.origins.corpora[rows[0]]), mean)
        Z[rows] = speaker_scaler(population, prior, own, count).standardise(own)
    discriminant = fit_calibrated(Z, training, shrinkage)
    if not discriminant:
        return None
    return Adaptation(population, discriminant, directions_between(Z, training.y))


def corpus_means(training: TrainingSet, mean: Vector) -> dict[str, Vector]:
    """Return the mean of the recordings of each corpus, shrunken towards ``mean``."""
    found = {}
    for corpus in np.unique(training.origins.corpora):
        rows = (training.origins.corpora == corpus) & (training.origins.variants == 0)
        known = trust(len(np.unique(training.origins.names[rows])), HALF_TRUST)
        found[str(corpus)] = known * training.X[rows].mean(axis=0) + (1 - known) * mean
    return found


def speaker_scaler(population: Scaler, prior: Vector, X: Matrix, count: int) -> Scaler:
    """Return the scaler of a speaker from the features ``X`` of ``count`` enrolled sounds.

    ``prior`` is the mean of the corpus, shape (features,), to which the mean is shrunken.
    """
    known = trust(count, HALF_TRUST)
    known_deviation = trust(count, DEVIATION_HALF_TRUST)
    mean = known * X.mean(axis=0) + (1 - known) * prior
    variance = known_deviation * X.var(axis=0) + (1 - known_deviation) * population.deviation**2
    return Scaler(mean, np.sqrt(variance), population.limit)


def rows_by_recording_condition(origins: Origins) -> list[tuple[NDArray[np.intp], int]]:
    """Return the rows of each speaker in each variant, and the number of their utterances.

    A telephone line changes a voice as much as another speaker would, so each variant of a
    speaker is normalised separately. The rows of unknown speakers are those of their corpus.
    """
    found: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    keys = zip(origins.corpora, origins.speakers, origins.variants, strict=True)
    for row, key in enumerate(keys):
        found[key].append(row)
    return [(np.array(rows), len(np.unique(origins.names[rows]))) for rows in found.values()]


def directions_between(Z: Matrix, y: ClassIndices) -> Matrix:
    """Return the orthonormal directions between the means of the classes of ``Z``, which has the
    shape (rows, features); the directions have the shape (directions, features)."""
    centres = np.stack([Z[y == label].mean(axis=0) for label in np.unique(y)])
    _, lengths, directions = np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)
    return np.asarray(directions[lengths > ROUNDING * max(lengths[0], ROUNDING)])


def trust(count: float, half_trust: float) -> float:
    """Return the share of ``count`` enrolled sounds in a mean, from 0 to 1."""
    return count / (count + half_trust)


def trust_in_graph(count: Var, half_trust: float) -> Var:
    """Return the output of :func:`trust` as a node of a graph."""
    import spox.opset.ai.onnx.v17 as op

    return op.div(count, op.add(count, constant(half_trust)))


def mix_in_graph(known: Var, own: Var, common: Var) -> Var:
    """Return ``own`` and ``common``, weighted by ``known`` and the rest to 1, as a node."""
    import spox.opset.ai.onnx.v17 as op

    return op.add(op.mul(known, own), op.mul(op.sub(constant(1), known), common))
