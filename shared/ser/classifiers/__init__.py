"""Classifiers of features: scikit-learn estimators that can be exported to ONNX.

A training request selects one by ``model_type``; its ``model_config`` overrides the defaults.
To add a classifier, derive it from :class:`Classifier` and list it in :data:`MODEL_TYPES`.

Examples
--------
>>> import numpy as np
>>> from ser.classifiers import DiscriminantClassifier
>>> X, y = np.random.default_rng(0).normal(size=(60, 5)), np.repeat(["anger", "sadness"], 30)
>>> X[y == "anger"] += 3
>>> classifier = DiscriminantClassifier(shrinkage=0.3).fit(X, y)
>>> [str(label) for label in classifier.predict([[3, 3, 3, 3, 3], [0, 0, 0, 0, 0]])]
['anger', 'sadness']
"""

from __future__ import annotations

from ser.classifiers._base import Classifier, FittedClassifier, FittedGraph, LeaveOut
from ser.classifiers._boosting import XGBoostClassifier
from ser.classifiers._forest import RandomForestClassifier
from ser.classifiers._keras import KerasClassifier
from ser.classifiers._rows import ArrayRows, Block, Origins, Rows, Summand, Table, sum_of
from ser.classifiers.discriminant import DiscriminantClassifier, DiscriminantScores

MODEL_TYPES: dict[str, type[Classifier]] = {
    kind.__name__: kind
    for kind in (
        KerasClassifier,
        RandomForestClassifier,
        XGBoostClassifier,
        DiscriminantClassifier,
    )
}
"""All classifiers by ``model_type``."""

__all__ = [
    "MODEL_TYPES",
    "ArrayRows",
    "Block",
    "Classifier",
    "DiscriminantClassifier",
    "DiscriminantScores",
    "FittedClassifier",
    "FittedGraph",
    "KerasClassifier",
    "LeaveOut",
    "Origins",
    "RandomForestClassifier",
    "Rows",
    "Summand",
    "Table",
    "XGBoostClassifier",
    "sum_of",
]
