"""Classifiers: from features to probabilities, each with its way into the model's ONNX graph.

A request names one by ``model_type``; ``model_config`` is merged over its defaults. A new one is
a class with the shape of :class:`Classifier`, added to :data:`MODEL_TYPES`.
"""

from __future__ import annotations

from ser.classifiers._base import Classifier, FittedClassifier, Origins
from ser.classifiers._keras import KerasClassifier
from ser.classifiers._trees import RandomForestClassifier, XGBoostClassifier
from ser.classifiers.discriminant import DiscriminantClassifier

MODEL_TYPES: dict[str, type[Classifier]] = {
    kind.__name__: kind
    for kind in (
        KerasClassifier,
        RandomForestClassifier,
        XGBoostClassifier,
        DiscriminantClassifier,
    )
}

RECIPE = DiscriminantClassifier.__name__
"""The ``model_type`` for whoever has no reason to take another one; needs no other field."""

__all__ = [
    "MODEL_TYPES",
    "RECIPE",
    "Classifier",
    "DiscriminantClassifier",
    "FittedClassifier",
    "KerasClassifier",
    "Origins",
    "RandomForestClassifier",
    "XGBoostClassifier",
]
