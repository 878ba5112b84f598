"""Ensembles of decision trees on unscaled features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import ProgressCallback
from ser._schemas import Schema
from ser.classifiers._base import DEFAULT_RANDOM_STATE, OPSETS, Classifier
from ser.classifiers._rows import FeatureMatrix, Rows

if TYPE_CHECKING:
    import onnx

Trees = Annotated[int, Meta(ge=1, le=10_000)]
Depth = Annotated[int, Meta(ge=1, le=64)]
Share = Annotated[float, Meta(gt=0, le=1)]


class RandomForestConfig(Schema, frozen=True, kw_only=True):
    """The ``model_config`` of :class:`RandomForestClassifier`."""

    n_estimators: Trees = 100
    """Number of trees."""
    max_depth: Depth | None = None
    """Maximum depth of a tree; ``null``: trees grow until their leaves are pure."""
    min_samples_leaf: Annotated[int, Meta(ge=1)] = 1
    """Minimum number of chunks in a leaf."""
    max_features: Literal["sqrt", "log2"] | Share = "sqrt"
    """Number of features considered at each split, or their share."""


FOREST = RandomForestConfig()


class RandomForestClassifier(Classifier):
    """scikit-learn's random forest (Breiman, Random forests, Machine Learning 45, 2001).

    Parameters
    ----------
    n_estimators, max_depth, min_samples_leaf, max_features
        See :class:`RandomForestConfig`; ``None`` is its ``null``.
    random_state
        Seed of the bootstrap samples and of the features considered at each split.
    """

    config_type = RandomForestConfig

    def __init__(
        self,
        *,
        n_estimators: int = FOREST.n_estimators,
        max_depth: int | None = FOREST.max_depth,
        min_samples_leaf: int = FOREST.min_samples_leaf,
        max_features: str | float = FOREST.max_features,
        random_state: int = DEFAULT_RANDOM_STATE,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.random_state = random_state

    def _fit(
        self,
        config: RandomForestConfig,
        rows: Rows,
        on_progress: ProgressCallback,
    ) -> FittedTrees:
        X, y = rows.as_arrays()
        from sklearn import ensemble

        options = msgspec.to_builtins(config)
        forest = ensemble.RandomForestClassifier(
            **options, random_state=self.random_state, n_jobs=-1
        ).fit(X, y)
        on_progress(1.0)
        return FittedTrees(options, [], forest, forest_to_onnx)


class XGBoostConfig(Schema, frozen=True, kw_only=True):
    """The ``model_config`` of :class:`XGBoostClassifier`."""

    n_estimators: Trees = 100
    """Rounds of boosting; each adds one tree per class."""
    max_depth: Depth = 4
    """Maximum depth of a tree."""
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 0.3
    """Share of each tree's output that is added to the sum."""
    subsample: Share = 1.0
    """Share of the chunks that each tree is grown on."""
    colsample_bytree: Share = 0.1
    """Share of the features that each tree is grown on."""
    max_bin: Annotated[int, Meta(ge=2, le=65_536)] = 64
    """Number of histogram bins per feature."""


BOOSTING = XGBoostConfig()


class XGBoostClassifier(Classifier):
    """XGBoost (Chen and Guestrin, XGBoost: a scalable tree boosting system, KDD 2016).

    By default each tree uses a small share of the features, because neighbouring frames and bands
    have similar features, and the training time grows with their number.

    Parameters
    ----------
    n_estimators, max_depth, learning_rate, subsample, colsample_bytree, max_bin
        See :class:`XGBoostConfig`.
    random_state
        Seed of the chunks and features drawn for each tree.
    """

    config_type = XGBoostConfig

    def __init__(
        self,
        *,
        n_estimators: int = BOOSTING.n_estimators,
        max_depth: int = BOOSTING.max_depth,
        learning_rate: float = BOOSTING.learning_rate,
        subsample: float = BOOSTING.subsample,
        colsample_bytree: float = BOOSTING.colsample_bytree,
        max_bin: int = BOOSTING.max_bin,
        random_state: int = DEFAULT_RANDOM_STATE,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.learning_rate = learning_rate
        self.subsample = subsample
        self.colsample_bytree = colsample_bytree
        self.max_bin = max_bin
        self.random_state = random_state

    def _fit(
        self,
        config: XGBoostConfig,
        rows: Rows,
        on_progress: ProgressCallback,
    ) -> FittedTrees:
        X, y = rows.as_arrays()
        import xgboost

        options = msgspec.to_builtins(config)
        boosted = xgboost.XGBClassifier(
            **options, tree_method="hist", random_state=self.random_state, n_jobs=-1
        ).fit(X, y)
        on_progress(1.0)
        return FittedTrees(options, [], boosted, boosted_to_onnx)


@dataclass(frozen=True)
class FittedTrees:
    """A trained ensemble of trees, and the function that converts it to ONNX."""

    config: dict[str, Any]
    notes: list[str]
    ensemble: Any = field(repr=False)
    convert: Callable[[Any, int], Any] = field(repr=False)

    def predict_proba(self, X: FeatureMatrix) -> NDArray[np.float32]:
        return np.asarray(self.ensemble.predict_proba(X), dtype=np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        from ser import _graph as graph

        model = self.convert(self.ensemble, self.ensemble.n_features_in_)
        return graph.join(model, source="features", result="probabilities")


def forest_to_onnx(forest: Any, columns: int) -> Any:
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType

    return skl2onnx.to_onnx(
        forest,
        initial_types=[("features", FloatTensorType([None, columns]))],
        target_opset=OPSETS,
        options={"zipmap": False},
    )


def boosted_to_onnx(boosted: Any, columns: int) -> Any:
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    return onnxmltools.convert_xgboost(
        boosted, initial_types=[("features", FloatTensorType([None, columns]))]
    )
