"""Ensembles of decision trees, on the features as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import Report, silent
from ser.classifiers._base import OPSETS, Classes, Classifier, Features, Origins

if TYPE_CHECKING:
    import onnx

Trees = Annotated[int, Meta(ge=1, le=10_000)]
Depth = Annotated[int, Meta(ge=1, le=64)]
Share = Annotated[float, Meta(gt=0, le=1)]


class RandomForestClassifier(Classifier, frozen=True, kw_only=True):
    """scikit-learn's random forest (Breiman, Random forests, Machine Learning 45, 2001)."""

    n_estimators: Trees = 100
    """Number of trees."""
    max_depth: Depth | None = None
    """Levels of a tree; ``null``: until its leaves are pure."""
    min_samples_leaf: Annotated[int, Meta(ge=1)] = 1
    """Chunks in a leaf at the least."""
    max_features: Literal["sqrt", "log2"] | Share = "sqrt"
    """Features tried at each split."""

    def fit(
        self,
        X: Features,
        y: Classes,
        *,
        origins: Origins | None = None,
        random_state: int,
        report: Report = silent,
    ) -> FittedTrees:
        del origins
        from sklearn import ensemble

        forest = ensemble.RandomForestClassifier(
            **msgspec.to_builtins(self), random_state=random_state, n_jobs=-1
        )
        return fitted(self, forest.fit(X, y), _forest_to_onnx, report)


class XGBoostClassifier(Classifier, frozen=True, kw_only=True):
    """XGBoost (Chen and Guestrin, XGBoost: a scalable tree boosting system, KDD 2016).

    Few features to a tree by default: spectra over time are many and alike, and the time that
    a training takes grows with them.
    """

    n_estimators: Trees = 100
    """Rounds of boosting; each grows one tree per class."""
    max_depth: Depth = 4
    """Levels of a tree."""
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 0.3
    """Share of each tree's answer that is added."""
    subsample: Share = 1.0
    """Share of the chunks each tree sees."""
    colsample_bytree: Share = 0.1
    """Share of the features each tree sees."""
    max_bin: Annotated[int, Meta(ge=2, le=65_536)] = 64
    """Number of steps a feature is rounded to for finding splits."""

    def fit(
        self,
        X: Features,
        y: Classes,
        *,
        origins: Origins | None = None,
        random_state: int,
        report: Report = silent,
    ) -> FittedTrees:
        del origins
        import xgboost

        boosted = xgboost.XGBClassifier(
            **msgspec.to_builtins(self), tree_method="hist", random_state=random_state, n_jobs=-1
        )
        return fitted(self, boosted.fit(X, y), _boosted_to_onnx, report)


@dataclass(frozen=True)
class FittedTrees:
    """What an ensemble of trees has learned."""

    config: dict[str, Any]
    notes: list[str]
    ensemble: Any = field(repr=False)
    convert: Callable[[Any, int], Any] = field(repr=False)

    def predict_proba(self, X: Features) -> NDArray[np.float32]:
        return np.asarray(self.ensemble.predict_proba(X), dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        from ser import _graph as graph

        model = self.convert(self.ensemble, self.ensemble.n_features_in_)
        return graph.join(model, source="features", result="probabilities")


def fitted(
    classifier: Classifier, ensemble: Any, convert: Callable[[Any, int], Any], report: Report
) -> FittedTrees:
    """Return the ``ensemble`` that ``classifier`` has fitted, and say that it is done."""
    report(1.0)
    return FittedTrees(msgspec.to_builtins(classifier), [], ensemble, convert)


def _forest_to_onnx(forest: Any, columns: int) -> Any:
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType

    return skl2onnx.to_onnx(
        forest,
        initial_types=[("features", FloatTensorType([None, columns]))],
        target_opset=OPSETS,
        options={"zipmap": False},
    )


def _boosted_to_onnx(boosted: Any, columns: int) -> Any:
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    return onnxmltools.convert_xgboost(
        boosted, initial_types=[("features", FloatTensorType([None, columns]))]
    )
