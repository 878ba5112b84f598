"""Linear discriminant analysis, from sums that can be taken apart again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._base import Classes
from ser.classifiers.discriminant._scaling import Rows, Vector, constant

if TYPE_CHECKING:
    from spox import Var

ROUNDING = 1e-6
"""Variance of standardised features below which there is none."""


@dataclass(frozen=True)
class Moments:
    """What the analysis needs of some rows; that of fewer rows is the difference of two."""

    counts: Vector
    """Rows of each class, shape (classes,)."""
    sums: NDArray[np.float64]
    """Shape (classes, features)."""
    products: NDArray[np.float64]
    """Shape (features, features)."""

    @classmethod
    def of(cls, Z: Rows, y: Classes, classes: int) -> Moments:
        members = np.eye(classes)[y]
        return cls(members.sum(axis=0), members.T @ Z, Z.T @ Z)

    def __sub__(self, part: Moments) -> Moments:
        return Moments(
            self.counts - part.counts, self.sums - part.sums, self.products - part.products
        )


@dataclass(frozen=True)
class Discriminant:
    """Scores of the classes that are linear in the features; their softmax is the answer."""

    weights: NDArray[np.float64]
    """Shape (features, classes)."""
    bias: Vector
    """Shape (classes,)."""

    @classmethod
    def of(cls, moments: Moments, shrinkage: float) -> Discriminant:
        """Return the discriminant between classes that are equally likely.

        The covariance within the classes is mixed with that of features which vary alike and
        independently; ``shrinkage`` is the share of the latter.
        """
        centres = moments.sums / moments.counts[:, None]
        covariance = moments.products - moments.sums.T @ centres
        covariance /= moments.counts.sum()
        diagonal = np.diag_indices_from(covariance)
        variance = covariance[diagonal].mean()
        covariance *= 1 - shrinkage
        # One utterance to a class leaves no variance: the nearest one then decides.
        covariance[diagonal] += shrinkage * (variance if variance > ROUNDING else 1.0)
        weights = np.asarray(np.linalg.solve(covariance, centres.T))
        return cls(weights, -0.5 * np.einsum("cf,fc->c", centres, weights))

    def scores(self, Z: Rows) -> Rows:
        return Z @ self.weights + self.bias

    def scores_in_graph(self, Z: Var) -> Var:
        import spox.opset.ai.onnx.v17 as op

        return op.add(op.matmul(Z, constant(self.weights)), constant(self.bias))

    def softened(self, temperature: float) -> Discriminant:
        """Return the discriminant whose scores are divided by ``temperature``."""
        return Discriminant(self.weights / temperature, self.bias / temperature)


def softmax(scores: Rows) -> Rows:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
