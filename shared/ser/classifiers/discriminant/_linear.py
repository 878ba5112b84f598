"""Linear discriminant analysis from sums, from which the sums of left-out rows are subtracted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import ClassIndices
from ser.classifiers.discriminant._scaling import Matrix, Vector, constant

if TYPE_CHECKING:
    from spox import Var

ROUNDING = 1e-6
"""Largest variance of standardised features that counts as 0."""


@dataclass(frozen=True)
class Moments:
    """Counts, sums and products of rows: sufficient statistics of the analysis.

    Subtracting the moments of some rows leaves those of the others.
    """

    counts: Vector
    """Number of rows of each class, shape (classes,)."""
    sums: NDArray[np.float64]
    """Sum of the rows of each class, shape (classes, features)."""
    products: NDArray[np.float64]
    """Sum of the outer products of all rows, shape (features, features)."""

    @classmethod
    def of(cls, Z: Matrix, y: ClassIndices, classes: int) -> Moments:
        """Return the moments of standardised features ``Z`` with the class indices ``y``."""
        members = np.eye(classes)[y]
        return cls(members.sum(axis=0), members.T @ Z, Z.T @ Z)

    def __sub__(self, part: Moments) -> Moments:
        return Moments(
            self.counts - part.counts, self.sums - part.sums, self.products - part.products
        )


@dataclass(frozen=True)
class Discriminant:
    """Class scores that are linear in the features; their softmax gives the probabilities."""

    weights: NDArray[np.float64]
    """Weight of each feature in each score, shape (features, classes)."""
    bias: Vector
    """Constant of each score, shape (classes,)."""

    @classmethod
    def of(cls, moments: Moments, shrinkage: float) -> Discriminant:
        """Return the discriminant between classes with equal prior probabilities.

        The covariance within the classes is mixed with that of independent features with equal
        variances; ``shrinkage`` is the weight of the latter, 0..1.
        """
        from scipy.linalg import cho_factor, cho_solve

        centres = moments.sums / moments.counts[:, None]
        covariance = moments.products - moments.sums.T @ centres
        covariance /= moments.counts.sum()
        diagonal = np.diag_indices_from(covariance)
        variance = covariance[diagonal].mean()
        covariance *= 1 - shrinkage
        # With one utterance per class there is no variance, and the nearest utterance decides.
        covariance[diagonal] += shrinkage * (variance if variance > ROUNDING else 1.0)
        # It is positive definite, so Cholesky's factors take half the time of others.
        weights = np.asarray(cho_solve(cho_factor(covariance, overwrite_a=True), centres.T))
        return cls(weights, -0.5 * np.einsum("cf,fc->c", centres, weights))

    def scores(self, Z: Matrix) -> Matrix:
        """Return the scores, shape (rows, classes), of standardised features ``Z``."""
        return Z @ self.weights + self.bias

    def scores_in_graph(self, Z: Var) -> Var:
        """Return the output of :meth:`scores` as a node of a graph."""
        import spox.opset.ai.onnx.v17 as op

        return op.add(op.matmul(Z, constant(self.weights)), constant(self.bias))

    def with_temperature(self, temperature: float) -> Discriminant:
        """Return the discriminant whose scores are divided by ``temperature``."""
        return Discriminant(self.weights / temperature, self.bias / temperature)


def softmax(scores: Matrix) -> Matrix:
    """Return the probabilities of ``scores``; both have the shape (rows, classes)."""
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
