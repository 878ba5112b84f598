"""Familiarity: how much a sound resembles the recordings that a discriminant was trained on.

It is the tail probability of the sound's distance: the share of sounds of new speakers, recorded as
those of the training, that are farther away. It falls for other microphones, rooms and languages,
and for sounds without speech; the probabilities of the classes do not show these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import Block, Rows
from ser.classifiers.discriminant._adaptation import mix_in_graph
from ser.classifiers.discriminant._calibration import FOLDS, CellMoments, assign_folds
from ser.classifiers.discriminant._linear import Moments, unpacked
from ser.classifiers.discriminant._scaling import (
    Matrix,
    Scaler,
    Vector,
    constant,
    standardise_in_graph,
)
from ser.classifiers.discriminant._sums import MeansOfUtterances, Speakers, groups

if TYPE_CHECKING:
    from spox import Var

AXES = 64
"""Maximum number of axes with a variance of their own; all other directions share one variance. A
full covariance would enlarge a model by megabytes, and recognises no more (docs/confidence.md)."""
SHRINKAGE = 0.1
"""Weight of equal variances in all directions."""
LIMIT = 1000.0
"""Number of standard deviations at which features are clipped; squares of more might overflow."""
SMALLEST = 1e-6
"""Smallest distance; its logarithm is finite."""
TAIL = 0.1
"""Share of the calibration above its upper and below its lower quantile, which fix the width."""


@dataclass(frozen=True)
class Distance:
    """The shrunken Mahalanobis distance of a sound to the nearest corpus of a training."""

    centres: Matrix
    """The mean of each corpus, shape (corpora, features)."""
    deviation: Vector
    """Deviation of utterances from the mean of their corpus, shape (features,); never 0."""
    axes: Matrix
    """Main axes of the standardised features within a corpus, shape (features, axes)."""
    excess: Vector
    """Weight of the square along each axis, in addition to :attr:`weight`; shape (axes,)."""
    weight: float
    """Weight of the square in each direction."""

    @classmethod
    def of(cls, moments: Moments, scaler: Scaler) -> Distance:
        """Return the distance to utterances with ``moments``, whose classes are the corpora.

        The moments are those of the means of the utterances, standardised by ``scaler``.
        """
        from scipy.linalg import eigh

        moments = moments.only(np.flatnonzero(moments.counts))
        count = moments.counts.sum()
        centres = scaler.mean + scaler.deviation * moments.centres
        covariance = unpacked(moments.covariance(), centres.shape[1])
        # A rounding error may be negative.
        offsets = scaler.deviation * np.sqrt(np.maximum(np.diag(covariance), 0))
        mean = (moments.counts / count) @ centres
        deviation = Scaler.of(mean, offsets, LIMIT).deviation
        unit = scaler.deviation / deviation
        covariance *= unit * unit[:, None]
        number = min(AXES, int(count), len(unit))
        total = np.trace(covariance)
        main = len(unit) - number, len(unit) - 1
        variances, axes = eigh(covariance, subset_by_index=main, overwrite_a=True)
        # Equal utterances have no variance.
        average = total / len(unit) or 1.0
        rest = max(total - variances.sum(), 0.0) / max(len(unit) - number, 1)
        along, shared = (SHRINKAGE * average + (1 - SHRINKAGE) * each for each in (variances, rest))
        return cls(centres, deviation, axes, 1 / along - 1 / shared, float(1 / shared))

    def logarithms(self, X: NDArray[np.floating]) -> Vector:
        """Return the logarithm of the distance of each row of ``X``, shape (rows,)."""
        distances = []
        for centre in self.centres:
            Z = Scaler(centre, self.deviation, LIMIT).standardise(X)
            along = (Z @ self.axes) ** 2 @ self.excess
            distances.append(self.weight * (Z**2).sum(axis=1) + along)
        return np.asarray(np.log(np.maximum(np.min(distances, axis=0), SMALLEST)))

    def logarithm_in_graph(self, sound: Var, known: Var, domain_mean: Var) -> Var:
        """Return the logarithm of the distance of ``sound``, shape (1, features), as a node.

        The centres move towards ``domain_mean``, of which ``known`` is the share.
        """
        import spox.opset.ai.onnx.v17 as op

        last = op.const(np.array([1]))
        centres = mix_in_graph(known, domain_mean, constant(self.centres))
        Z = standardise_in_graph(sound, centres, constant(self.deviation), LIMIT)
        # Half precision suffices for directions, and halves their part of a model's file.
        coordinates = op.matmul(Z, constant(self.axes.astype(np.float16)))
        squares = op.mul(op.mul(coordinates, coordinates), constant(self.excess))
        everywhere = op.mul(op.reduce_sum(op.mul(Z, Z), last), constant(self.weight))
        distances = op.add(everywhere, op.reduce_sum(squares, last))
        nearest = op.reduce_min(distances, keepdims=False)
        return op.log(op.max([nearest, constant(SMALLEST)]))


@dataclass(frozen=True)
class Familiarity:
    """The tail probability of a :class:`Distance`, whose logarithm has a logistic distribution."""

    distance: Distance
    middle: float
    """Logarithm of the distance with a familiarity of one half."""
    width: float
    """Scale of the logistic distribution."""

    def of(self, X: NDArray[np.floating]) -> Vector:
        """Return the familiarity of sounds, shape (sounds,), from 0 to 1.

        ``X`` has the mean of the features of each over its chunks, shape (sounds, features).
        """
        # Beyond these bounds the result is 0 or 1 in single precision.
        excess = np.clip((self.distance.logarithms(X) - self.middle) / self.width, -100, 100)
        return np.asarray(1 / (1 + np.exp(excess)))

    def in_graph(self, features: Var, known: Var, domain_mean: Var) -> Var:
        """Return the familiarity of the sound with ``features``, a scalar, as a node.

        ``known`` is the share of ``domain_mean`` in the centres of the distance.
        """
        import spox.opset.ai.onnx.v17 as op

        sound = op.reduce_mean(features, axes=[0])
        logarithm = self.distance.logarithm_in_graph(sound, known, domain_mean)
        return op.sigmoid(op.div(op.sub(constant(self.middle), logarithm), constant(self.width)))


def fit_familiarity(
    rows: Rows, speakers: Speakers, scaler: Scaler, random_state: int
) -> Familiarity | None:
    """Return the familiarity learned from the recordings of ``rows``, without their copies.

    Its distribution is that of the distances of left-out speakers (or takes, as in
    :func:`assign_folds`), since the recordings of known speakers are closer. The result is ``None``
    if all rows are of one take.
    """
    corpora = speakers.corpora[speakers.utterances]
    folds = assign_folds(rows.origins, random_state)
    standardise = MeansOfUtterances(scaler)
    moments = rows.sum(
        CellMoments(standardise, corpora, folds, np.ones(FOLDS, bool), int(corpora.max()) + 1)
    )
    if len(moments) < 2:
        return None
    everything = reduce(add, moments.values())
    distances = {fold: Distance.of(everything - part, scaler) for fold, part in moments.items()}
    left_out = np.concatenate(rows.sum(LeftOutDistances(folds, distances)))
    low, middle, high = np.quantile(left_out, [TAIL, 0.5, 1 - TAIL])
    width = max(high - low, SMALLEST) / (2 * np.log(1 / TAIL - 1))
    return Familiarity(Distance.of(everything, scaler), float(middle), float(width))


@dataclass(frozen=True)
class LeftOutDistances:
    """The logarithms of the distances of recorded utterances, each from all other folds."""

    folds: NDArray[np.intp]
    """Fold of each utterance, shape (utterances,)."""
    distances: Mapping[int, Distance]
    """The distance from the utterances of all other folds, by the fold."""

    def __call__(self, block: Block) -> list[Vector]:
        X, utterances = UNSCALED(block)
        return [
            self.distances[fold].logarithms(X[rows])
            for (fold,), rows in groups(self.folds[utterances])
        ]


UNSCALED = MeansOfUtterances(Scaler(np.zeros(()), np.ones(()), np.inf))
"""The features of recorded utterances in their own units."""
