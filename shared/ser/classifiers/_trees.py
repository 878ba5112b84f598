"""Ensembles of decision trees after their training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser.classifiers._rows import FeatureMatrix

if TYPE_CHECKING:
    import onnx

Trees = Annotated[int, Meta(ge=1, le=10_000)]
Depth = Annotated[int, Meta(ge=1, le=64)]
Share = Annotated[float, Meta(ge=0.001, le=1)]


@dataclass(frozen=True)
class FittedTrees:
    """A trained ensemble of trees, and the function that converts it to ONNX."""

    config: dict[str, Any]
    notes: list[str]
    columns: int
    """Number of features."""
    ensemble: Any = field(repr=False)
    convert: Callable[[Any, int], Any] = field(repr=False)

    def predict_proba(self, X: FeatureMatrix) -> NDArray[np.float32]:
        return np.asarray(self.ensemble.predict_proba(X), dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        from ser import _graph as graph

        model = self.convert(self.ensemble, self.columns)
        return graph.join(model, source="features", result="probabilities")
