"""Boosted trees on unscaled features, which are read from disk while the trees grow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from ser._progress import ProgressCallback
from ser._schemas import Schema
from ser.classifiers._base import DEFAULT_RANDOM_STATE, Classifier
from ser.classifiers._rows import Block, Rows
from ser.classifiers._scratch import scratch_folder
from ser.classifiers._trees import FittedTrees, Share, Trees

BINNED_VALUES = 2**24
"""Maximum number of features whose bins are kept in memory: 16,900 rows of 990 features."""


class XGBoostConfig(Schema, frozen=True, kw_only=True):
    """The ``model_config`` of :class:`XGBoostClassifier`."""

    n_estimators: Trees = 100
    """Rounds of boosting; each adds one tree per class."""
    max_depth: Annotated[int, Meta(ge=1, le=16)] = 4
    """Maximum depth of a tree."""
    learning_rate: Annotated[float, Meta(ge=1e-6, le=1)] = 0.3
    """Share of each tree's output that is added to the sum."""
    subsample: Share = 1.0
    """Share of the chunks that each tree is grown on."""
    colsample_bytree: Share = 0.1
    """Share of the features that each tree is grown on."""
    max_bin: Annotated[int, Meta(ge=2, le=1_024)] = 64
    """Number of histogram bins per feature."""


DEFAULTS = XGBoostConfig()


class XGBoostClassifier(Classifier):
    """XGBoost (Chen and Guestrin, XGBoost: a scalable tree boosting system, KDD 2016).

    By default each tree uses a small share of the features, because neighbouring frames and bands
    have similar features, and the training time grows with their number. The features are read
    in blocks. The bins of a large training set are kept in files for the time of the training, so
    the memory holds a few blocks, and about 12 bytes for each row and class.

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
        n_estimators: int = DEFAULTS.n_estimators,
        max_depth: int = DEFAULTS.max_depth,
        learning_rate: float = DEFAULTS.learning_rate,
        subsample: float = DEFAULTS.subsample,
        colsample_bytree: float = DEFAULTS.colsample_bytree,
        max_bin: int = DEFAULTS.max_bin,
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
        options = msgspec.to_builtins(config)
        params = options | {"tree_method": "hist", "seed": self.random_state}
        boosted = boost(rows, params, params.pop("n_estimators"), on_progress)
        return FittedTrees(options, [], rows.columns, boosted, boosted_to_onnx)


def boost(rows: Rows, params: dict[str, Any], rounds: int, on_progress: ProgressCallback) -> Any:
    """Return an ``XGBClassifier`` after ``rounds`` of boosting on ``rows``."""
    import xgboost

    class Progress(xgboost.callback.TrainingCallback):
        def after_iteration(self, _model: Any, epoch: int, _evals: Any) -> bool:
            on_progress((epoch + 1) / rounds)
            return False

    classes = int(rows.y.max()) + 1
    multiclass = {"objective": "multi:softprob", "num_class": classes}
    objective = multiclass if classes > 2 else {"objective": "binary:logistic"}
    values = rows.count * rows.columns
    on_disk = values > BINNED_VALUES
    # The files are smaller than the features. XGBoost closes them before the folder is removed,
    # because nothing but the call of the training refers to the matrix.
    with scratch_folder(values * np.dtype(np.float32).itemsize if on_disk else 0) as folder:
        booster = xgboost.train(
            params | objective,
            binned(rows, params["max_bin"], folder / "bins" if on_disk else None),
            num_boost_round=rounds,
            callbacks=[Progress()],
        )
    boosted = xgboost.XGBClassifier()
    boosted.load_model(booster.save_raw())
    return boosted


def binned(rows: Rows, max_bin: int, path: Path | None) -> Any:
    """Return ``rows`` as a matrix of bins, in memory or in files whose names begin with ``path``.

    Files are read again for each level of a tree, which is slower, most of all for few rows.
    """
    import xgboost

    class Blocks(xgboost.DataIter):
        unread: Iterator[Block]

        def reset(self) -> None:
            self.unread = rows.blocks()

        def next(self, input_data: Any) -> bool:
            for block in self.unread:
                input_data(data=block.X, label=rows.y[block.utterances])
                return True
            return False

    if path is None:
        return xgboost.QuantileDMatrix(Blocks(), max_bin=max_bin)
    return xgboost.ExtMemQuantileDMatrix(Blocks(cache_prefix=str(path)), max_bin=max_bin)


def boosted_to_onnx(boosted: Any, columns: int) -> Any:
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    return onnxmltools.convert_xgboost(
        boosted, initial_types=[("features", FloatTensorType([None, columns]))]
    )
