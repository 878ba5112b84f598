"""Standardisation of features, clipped at a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from spox import Var

Matrix = NDArray[np.float64]
"""Features, shape (rows, features), or scores, shape (rows, classes)."""
Vector = NDArray[np.float64]
"""One value for each feature or class, shape (features,) or (classes,)."""

ROUNDING = 1e-6
"""A float32 feature whose deviation is below this share of its mean varies by rounding only."""


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation of each feature, and the limit of standardised values."""

    mean: Vector
    """Mean of each feature, shape (features,)."""
    deviation: Vector
    """Standard deviation of each feature, shape (features,); never 0."""
    limit: float
    """Magnitude at which standardised values are clipped."""

    @classmethod
    def of(cls, mean: Vector, deviation: Vector, limit: float) -> Scaler:
        """Return a scaler that divides by ``deviation``; a constant feature is divided by 1."""
        varies = deviation > ROUNDING * np.abs(mean)
        return cls(mean, np.where(varies, deviation, 1.0), limit)

    def standardise(self, X: NDArray[np.floating]) -> Matrix:
        """Return ``X``, shape (rows, features), standardised and clipped at the limit."""
        Z = X - self.mean
        Z /= self.deviation
        return np.clip(Z, -self.limit, self.limit, out=Z)


def standardise_in_graph(features: Var, mean: Var, deviation: Var, limit: float) -> Var:
    """Return the output of :meth:`Scaler.standardise` as a node of a graph."""
    import spox.opset.ai.onnx.v17 as op

    standardised = op.div(op.sub(features, mean), deviation)
    return op.clip(standardised, constant(-limit), constant(limit))


def constant(value: ArrayLike) -> Var:
    """Return ``value`` as a float32 constant of a graph."""
    import spox.opset.ai.onnx.v17 as op

    return op.const(np.asarray(value, np.float32))
