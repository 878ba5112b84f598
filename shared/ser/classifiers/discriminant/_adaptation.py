"""Adaptation to a speaker and to a domain (a channel, a room, a corpus) by enrolled sounds.

Speakers and recordings differ in the same features as emotions. Comparing a sound with the mean of
its own speaker, or at least of its own domain, separates the two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import Block, Origins, Rows, Table
from ser.classifiers.discriminant._calibration import (
    FEWEST_SPEAKERS,
    Calibrated,
    Training,
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
from ser.classifiers.discriminant._sums import (
    Conditions,
    Sample,
    Speakers,
    Statistics,
    groups,
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


def fit_adaptations(
    rows: Rows,
    speakers: Speakers,
    conditions: Conditions,
    trainings: Sequence[Training],
    scaler: Scaler,
    shrinkage: float,
) -> list[Adaptation | None]:
    """Return the adaptation of each of ``trainings`` to speakers and corpora that are known.

    Each speaker is normalised as if all sounds of the speaker and of the corpus were enrolled. A
    result is ``None`` if the training has a single corpus with fewer than :data:`FEWEST_SPEAKERS`
    known speakers, or if no speaker can be left out without losing an emotion.

    Parameters
    ----------
    conditions
        The statistics of each of ``speakers`` in each variant.
    scaler
        The scaler of all rows.
    shrinkage
        See :meth:`Discriminant.of`.
    """
    unknown = ~speakers.known[speakers.utterances]
    adaptable = {}
    for index, training in enumerate(trainings):
        origins = rows.origins[training.folds >= 0]
        if has_several_corpora(origins):
            adaptable[index] = training
        elif count_speakers(origins) >= FEWEST_SPEAKERS:
            adaptable[index] = training.without(unknown)
    if not adaptable:
        return [None] * len(trainings)
    several = has_several_corpora(rows.origins)
    chosen = {key: each for key, each in conditions.items() if several or speakers.known[key[0]]}
    variance = sum((each.squares for each in chosen.values()), np.zeros(rows.columns))
    count = sum(each.rows for each in chosen.values())
    population = Scaler.of(scaler.mean, np.sqrt(variance / count), scaler.limit)
    priors = corpus_means(speakers, conditions, scaler.mean) if several else {}
    standardise = StandardiseBySpeaker(population, priors, speakers, conditions)
    fitted = fit_calibrated(rows, standardise, [*adaptable.values()], shrinkage)
    found = dict(zip(adaptable, fitted, strict=True))
    return [adaptation_of(population, found.get(index)) for index in range(len(trainings))]


def has_several_corpora(origins: Origins) -> bool:
    """Return whether utterances with ``origins`` are of several corpora."""
    return len(np.unique(origins.corpora)) > 1


def adaptation_of(population: Scaler, fitted: Calibrated | None) -> Adaptation | None:
    """Return the adaptation with the discriminant ``fitted``; ``None`` if it is not calibrated."""
    if fitted is None or fitted.temperature is None:
        return None
    discriminant = fitted.discriminant.with_temperature(fitted.temperature)
    return Adaptation(population, discriminant, directions_between(fitted.centres))


def corpus_means(speakers: Speakers, conditions: Conditions, mean: Vector) -> dict[int, Vector]:
    """Return the mean of the recordings of each corpus, shrunken towards ``mean``."""
    recorded: Table[int, Statistics] = Table()
    for (speaker, variant), each in conditions.items():
        if variant == 0:
            recorded += Table({int(speakers.corpora[speaker]): each})
    return {
        corpus: mix(trust(each.utterances, HALF_TRUST), each.mean, mean)
        for corpus, each in recorded.items()
    }


@dataclass(frozen=True)
class StandardiseBySpeaker:
    """Standardisation of each row by the statistics of its speaker in its variant."""

    population: Scaler
    priors: Mapping[int, Vector]
    """Mean of each corpus; that of the population for all others."""
    speakers: Speakers
    conditions: Conditions

    def __call__(self, block: Block) -> Sample:
        Z = np.empty(block.X.shape)
        speakers = self.speakers.utterances[block.utterances]
        for (speaker, variant), rows in groups(speakers, block.variants):
            prior = self.priors.get(int(self.speakers.corpora[speaker]), self.population.mean)
            own = speaker_scaler(self.population, prior, self.conditions[speaker, variant])
            Z[rows] = own.standardise(block.X[rows])
        return Sample(Z, block.utterances)


def speaker_scaler(population: Scaler, prior: Vector, enrolled: Statistics) -> Scaler:
    """Return the scaler of a speaker from the statistics of the ``enrolled`` sounds.

    ``prior`` is the mean of the corpus, shape (features,), to which the mean is shrunken.
    """
    mean = mix(trust(enrolled.utterances, HALF_TRUST), enrolled.mean, prior)
    known = trust(enrolled.utterances, DEVIATION_HALF_TRUST)
    variance = mix(known, enrolled.variance, population.deviation**2)
    return Scaler(mean, np.sqrt(variance), population.limit)


def directions_between(centres: Matrix) -> Matrix:
    """Return the orthonormal directions between the means of classes, shape (classes, features);
    the directions have the shape (directions, features)."""
    _, lengths, directions = np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)
    return np.asarray(directions[lengths > ROUNDING * max(lengths[0], ROUNDING)])


def mix(known: float, own: Vector, common: Vector) -> Vector:
    """Return ``own`` and ``common``, weighted by ``known`` and the rest to 1."""
    return known * own + (1 - known) * common


def trust(count: float, half_trust: float) -> float:
    """Return the share of ``count`` enrolled sounds in a mean, from 0 to 1."""
    return count / (count + half_trust)


def trust_in_graph(count: Var, half_trust: float) -> Var:
    """Return the output of :func:`trust` as a node of a graph."""
    import spox.opset.ai.onnx.v17 as op

    return op.div(count, op.add(count, constant(half_trust)))


def mix_in_graph(known: Var, own: Var, common: Var) -> Var:
    """Return the output of :func:`mix` as a node of a graph."""
    import spox.opset.ai.onnx.v17 as op

    return op.add(op.mul(known, own), op.mul(op.sub(constant(1), known), common))
