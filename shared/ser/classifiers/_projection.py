"""Principal components of standardised features, exact, from one pass over the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import Block, FeatureMatrix, Rows

if TYPE_CHECKING:
    import onnx

ROUNDING = 1e-6
"""A float32 feature whose deviation is below this share of its mean varies by rounding only."""


@dataclass(frozen=True)
class Factor:
    """The triangular factor R of the QR decomposition of rows, each of which begins with a 1.

    It has the sums and products of the rows, without the loss of digits by which products are
    formed, and without rows or columns that are not needed: few rows of many features have a flat
    factor. The factor of two sets of rows is that of their factors below each other (Demmel,
    Grigori, Hoemmen, Langou, Communication-optimal parallel and sequential QR and LU
    factorizations, SIAM J. Sci. Comput. 34, 2012).
    """

    R: NDArray[np.float64]
    """Shape (at most 1 + features, 1 + features)."""

    @classmethod
    def of(cls, block: Block) -> Factor:
        """Return the factor of the rows of ``block``."""
        X = np.ones((len(block.X), 1 + block.X.shape[1]))
        X[:, 1:] = block.X
        return cls(np.asarray(np.linalg.qr(X, mode="r")))

    def __add__(self, other: Factor) -> Factor:
        return Factor(np.asarray(np.linalg.qr(np.vstack([self.R, other.R]), mode="r")))


@dataclass(frozen=True)
class Projection:
    """Standardisation of features, and their projection to principal components."""

    mean: NDArray[np.float32] = field(repr=False)
    """Mean of each feature, shape (features,)."""
    deviation: NDArray[np.float32] = field(repr=False)
    """Standard deviation of each feature, shape (features,); 1 if it is constant."""
    axes: NDArray[np.float32] = field(repr=False)
    """Directions of the greatest variance, shape (features, components)."""

    @classmethod
    def of(cls, rows: Rows, components: int) -> Projection:
        """Return the projection of ``rows`` to their first ``components``.

        The largest weight of each direction is positive, so the directions do not depend on
        the sign that a library chooses.
        """
        R = rows.sum(Factor.of).R
        mean, centred = R[0, 1:] / R[0, 0], R[:, 1:].copy()
        # The first row holds the mean of all rows; the others hold the deviations from it.
        centred[0] = 0
        deviation = np.sqrt(np.square(centred).sum(axis=0) / rows.count)
        deviation[deviation <= ROUNDING * np.abs(mean)] = 1
        _, _, directions = np.linalg.svd(centred / deviation, full_matrices=False)
        axes = directions[:components].T
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
        axes = axes * np.where(largest < 0, -1, 1)
        return cls(*(part.astype(np.float32) for part in (mean, deviation, axes)))

    def __call__(self, X: FeatureMatrix) -> FeatureMatrix:
        """Return the components of ``X``, shape (rows, components)."""
        return np.asarray(((X - self.mean) / self.deviation) @ self.axes, np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        """Return the projection as a graph from ``features`` to ``components``."""
        import spox.opset.ai.onnx.v17 as op
        from spox import Tensor, argument, build

        features = argument(Tensor(np.float32, (None, len(self.mean))))
        standardised = op.div(op.sub(features, op.const(self.mean)), op.const(self.deviation))
        components = op.matmul(standardised, op.const(self.axes))
        return build({"features": features}, {"components": components})
