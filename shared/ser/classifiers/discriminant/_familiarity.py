"""Familiarity: how much a sound resembles the recordings that a discriminant was trained on.

It is the tail probability of the sound's distance: the share of sounds of new speakers, recorded as
those of the training, that are farther away. It falls for other microphones, rooms and languages,
and for sounds without speech; the probabilities of the classes do not show these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import Origins
from ser.classifiers.discriminant._adaptation import mix_in_graph
from ser.classifiers.discriminant._calibration import TrainingSet, assign_folds, masks
from ser.classifiers.discriminant._scaling import (
    Matrix,
    Scaler,
    Vector,
    constant,
    standardise_in_graph,
)

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
    def of(cls, X: Matrix, corpora: NDArray[np.str_]) -> Distance:
        """Return the distance to the utterances ``X``, shape (utterances, features)."""
        from sklearn.utils.extmath import randomized_svd

        found, corpus = np.unique(corpora, return_inverse=True)
        centres = np.stack([X[corpus == each].mean(axis=0) for each in range(len(found))])
        offsets = X - centres[corpus]
        deviation = Scaler.of(X.mean(axis=0), offsets.std(axis=0), LIMIT).deviation
        Z = offsets / deviation
        count = min(AXES, *Z.shape)
        _, lengths, axes = randomized_svd(Z, count, random_state=0)
        # Half precision suffices for directions, and halves their part of a model's file.
        axes = axes.astype(np.float16).astype(np.float64)
        variances, total = lengths**2 / len(Z), Z.var(axis=0).sum()
        # Equal utterances have no variance.
        mean = total / Z.shape[1] or 1.0
        rest = max(total - variances.sum(), 0.0) / max(Z.shape[1] - count, 1)
        along, shared = (SHRINKAGE * mean + (1 - SHRINKAGE) * each for each in (variances, rest))
        return cls(centres, deviation, axes.T, 1 / along - 1 / shared, float(1 / shared))

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
        coordinates = op.matmul(Z, constant(self.axes))
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


def fit_familiarity(training: TrainingSet, random_state: int) -> Familiarity | None:
    """Return the familiarity learned from the recordings of ``training``, without their copies.

    Its distribution is that of the distances of left-out speakers (or takes, as in
    :func:`assign_folds`), since the recordings of known speakers are closer. The result is ``None``
    if all rows are of one take.
    """
    X, origins = mean_of_each_utterance(training)
    folds = assign_folds(origins, random_state)
    left_out = [
        Distance.of(X[~mask], origins.corpora[~mask]).logarithms(X[mask])
        for mask in masks(folds)
        if not mask.all()
    ]
    if not left_out:
        return None
    low, middle, high = np.quantile(np.concatenate(left_out), [TAIL, 0.5, 1 - TAIL])
    width = max(high - low, SMALLEST) / (2 * np.log(1 / TAIL - 1))
    return Familiarity(Distance.of(X, origins.corpora), float(middle), float(width))


def mean_of_each_utterance(training: TrainingSet) -> tuple[Matrix, Origins]:
    """Return the mean of the rows of each recording, shape (utterances, features), and origins."""
    recorded = training[training.origins.variants == 0]
    _, first, utterance, counts = np.unique(
        recorded.origins.names, return_index=True, return_inverse=True, return_counts=True
    )
    sums = np.zeros((len(counts), recorded.X.shape[1]))
    np.add.at(sums, utterance, recorded.X)
    return sums / counts[:, None], recorded.origins[first]
