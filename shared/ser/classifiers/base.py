"""What a classifier is, before and after it has learned."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ser.progress import Report, silent
from ser.schemas import Schema

if TYPE_CHECKING:
    import onnx

Features = NDArray[np.float32]
Classes = NDArray[np.int64]

OPSETS = {"": 17, "ai.onnx.ml": 3}
"""The operator sets that every converter is asked for."""


class FittedClassifier(Protocol):
    """A classifier that has learned."""

    @property
    def config(self) -> dict[str, Any]:
        """The ``model_config`` in force, with every default spelt out."""

    @property
    def notes(self) -> list[str]:
        """What was decided that the request did not say."""

    def predict_proba(self, X: Features) -> NDArray[np.float32]:
        """Return probabilities, shape (rows, classes), by the library that learned them."""

    def to_onnx(self) -> onnx.ModelProto:
        """Return the same as a graph from float32 (rows, features); its last output counts."""


class Classifier(Schema, frozen=True, kw_only=True):
    """A ``model_type``; its fields are the ``model_config``.

    A subclass imports the library it stands on inside its methods: the request of a training is
    checked where none of them is loaded.
    """

    @abstractmethod
    def fit(
        self, X: Features, y: Classes, *, random_state: int, report: Report = silent
    ) -> FittedClassifier:
        """Learn ``y``, the classes 0..n-1 of the rows, shape (rows,), from ``X`` (rows, features).

        Raises
        ------
        InvalidInput
            The configuration asks for more than ``X`` allows.
        """
