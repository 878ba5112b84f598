"""Features in deviations from their mean, none further from it than a limit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from spox import Var

Rows = NDArray[np.float64]
"""Shape (rows, features), or (rows, classes) if they are scores."""
Vector = NDArray[np.float64]

ROUNDING = 1e-6
"""Share of its mean below which the deviation of a float32 is nothing but rounding."""


@dataclass(frozen=True)
class Scaler:
    """What features are held against."""

    mean: Vector
    """Shape (features,)."""
    deviation: Vector
    """Shape (features,); never 0."""
    limit: float
    """In deviations."""

    @classmethod
    def of(cls, mean: Vector, deviation: Vector, limit: float) -> Scaler:
        """Return the scaler that leaves a constant feature in its own unit."""
        varies = deviation > ROUNDING * np.abs(mean)
        return cls(mean, np.where(varies, deviation, 1.0), limit)

    def standardised(self, X: NDArray[np.floating]) -> Rows:
        return np.clip((X - self.mean) / self.deviation, -self.limit, self.limit)


def standardised_in_graph(features: Var, mean: Var, deviation: Var, limit: float) -> Var:
    """The same as :meth:`Scaler.standardised`."""
    import spox.opset.ai.onnx.v17 as op

    standardised = op.div(op.sub(features, mean), deviation)
    return op.clip(standardised, constant(-limit), constant(limit))


def constant(value: ArrayLike) -> Var:
    """Return ``value`` for a graph, float32."""
    import spox.opset.ai.onnx.v17 as op

    return op.const(np.asarray(value, np.float32))
