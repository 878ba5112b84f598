"""Linear discriminant analysis from sums, from which the sums of left-out rows are subtracted.

Symmetric matrices are in the packed form of LAPACK whose routines have full speed (rectangular
full packed, RFP): half the memory, and half the operations of a sum of products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import ClassIndices
from ser.classifiers.discriminant._scaling import Matrix, Vector, constant

if TYPE_CHECKING:
    from spox import Var

ROUNDING = 1e-6
"""Largest variance of standardised features that counts as 0."""

ROUGH_SHRINKAGE = 0.1
"""Smallest shrinkage at which single precision is enough for scores of a calibration. It bounds the
condition of the covariance: ten times the largest share of the variance, times the features."""

Packed = NDArray[np.floating]
"""A symmetric matrix of shape (features, features) in the packed form, a vector."""


@dataclass(frozen=True)
class Moments:
    """Counts, sums and products of rows: sufficient statistics of the analysis.

    The moments of rows can be added, and those of some rows subtracted from those of all.
    """

    counts: Vector
    """Number of rows of each class, shape (classes,)."""
    sums: NDArray[np.float64]
    """Sum of the rows of each class, shape (classes, features)."""
    products: Packed
    """Sum of the outer products of all rows: float32 for a block, float64 for a sum of blocks."""

    @classmethod
    def of(cls, Z: Matrix, y: ClassIndices, classes: int) -> Moments:
        """Return the moments of standardised features ``Z`` with the class indices ``y``."""
        members = np.eye(classes)[y]
        # The products of a block need no more than single precision; their sums do.
        nothing = np.zeros(Z.shape[1] * (Z.shape[1] + 1) // 2, np.float32)
        products = add_products(nothing, Z.astype(np.float32))
        return cls(members.sum(axis=0), members.T @ Z, products)

    def __add__(self, other: Moments) -> Moments:
        products = np.add(self.products, other.products, dtype=np.float64)
        return Moments(self.counts + other.counts, self.sums + other.sums, products)

    def __iadd__(self, other: Moments) -> Moments:
        if self.products.dtype != np.float64:
            return self + other
        for own, added in zip(vars(self).values(), vars(other).values(), strict=True):
            own += added
        return self

    def __sub__(self, part: Moments) -> Moments:
        return Moments(
            self.counts - part.counts, self.sums - part.sums, self.products - part.products
        )

    def only(self, classes: ClassIndices) -> Moments:
        """Return the moments of ``classes``; all others have no rows."""
        return Moments(self.counts[classes], self.sums[classes], self.products)

    @property
    def centres(self) -> Matrix:
        """Mean of the rows of each class, shape (classes, features)."""
        return self.sums / self.counts[:, None]

    def covariance(self) -> Packed:
        """Return the covariance within the classes."""
        weighted = self.sums / np.sqrt(self.counts)[:, None]
        covariance = add_products(self.products.astype(np.float64), weighted, factor=-1.0)
        covariance /= self.counts.sum()
        return covariance


@dataclass(frozen=True)
class Discriminant:
    """Class scores that are linear in the features; their softmax gives the probabilities."""

    weights: NDArray[np.float64]
    """Weight of each feature in each score, shape (features, classes)."""
    bias: Vector
    """Constant of each score, shape (classes,)."""

    @classmethod
    def of(cls, moments: Moments, shrinkage: float, *, rough: bool = False) -> Discriminant:
        """Return the discriminant between classes with equal prior probabilities.

        The covariance within the classes is mixed with that of independent features with equal
        variances; ``shrinkage`` is the weight of the latter, 0..1. With ``rough`` and at least
        :data:`ROUGH_SHRINKAGE`, single precision is enough, in little more than half the time.
        """
        from scipy.linalg import lapack

        centres, covariance = moments.centres, moments.covariance()
        features = centres.shape[1]
        diagonal = diagonal_of(features)
        variance = covariance[diagonal].mean()
        covariance *= 1 - shrinkage
        # With one utterance per class there is no variance, and the nearest utterance decides.
        covariance[diagonal] += shrinkage * (variance if variance > ROUNDING else 1.0)
        if rough and shrinkage >= ROUGH_SHRINKAGE:
            covariance = covariance.astype(np.float32)
        factorise, solve = lapack.get_lapack_funcs(("pftrf", "pftrs"), (covariance,))
        # It is positive definite, so Cholesky's factors take half the time of others.
        factors, failure = factorise(features, covariance, overwrite_a=True)
        if failure:
            raise np.linalg.LinAlgError("the covariance is not positive definite")
        weights = solve(features, factors, centres.T)[0].astype(np.float64)
        if not np.isfinite(weights).all():
            raise np.linalg.LinAlgError("the covariance has no inverse")
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


def add_products(packed: Packed, Z: NDArray[np.floating], factor: float = 1.0) -> Packed:
    """Return ``packed``, to which the outer products of the rows of ``Z`` are added in place.

    Both have the same precision, single or double.
    """
    from scipy.linalg import lapack

    rows, features = Z.shape
    if not rows:
        return packed
    (add,) = lapack.get_lapack_funcs(("sfrk",), (packed,))
    return np.asarray(add(features, rows, factor, Z.T, 1.0, packed, overwrite_c=True))


def unpacked(packed: Packed, features: int) -> Matrix:
    """Return the symmetric matrix ``packed``, shape (features, features)."""
    from scipy.linalg import lapack

    upper, _ = lapack.dtfttr(features, packed)
    upper = np.triu(upper)
    return np.asarray(upper + np.triu(upper, 1).T)


@cache
def diagonal_of(features: int) -> NDArray[np.intp]:
    """Return the indices of the diagonal of a packed matrix, shape (features,)."""
    from scipy.linalg import lapack

    packed, _ = lapack.dtrttf(np.diag(np.arange(1.0, features + 1)))
    found = np.flatnonzero(packed)
    return found[np.argsort(packed[found])]


def softmax(scores: Matrix) -> Matrix:
    """Return the probabilities of ``scores``; both have the shape (rows, classes)."""
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
