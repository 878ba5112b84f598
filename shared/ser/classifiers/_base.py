"""What a classifier is, before and after it has learned."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ser._progress import Report, silent
from ser._schemas import Schema

if TYPE_CHECKING:
    import onnx

Features = NDArray[np.float32]
Classes = NDArray[np.int64]

OPSETS = {"": 17, "ai.onnx.ml": 3}
"""The operator sets that every converter is asked for."""


class Origins(NamedTuple):
    """Where the rows of a training come from: one entry to a row in each of these."""

    speakers: NDArray[np.str_]
    """Who spoke, shape (rows,); empty where nobody knows."""
    names: NDArray[np.str_]
    """The utterance, shape (rows,)."""
    variants: NDArray[np.int64]
    """0: the utterance as it was recorded; k: its k-th augmented copy. Shape (rows,)."""


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
        """Return the same as a graph from float32 (rows, features); its last output counts.

        The graph may have three further inputs, which have defaults: ``speaker_mean`` and
        ``speaker_deviation``, float32 of shape (features,), over the rows of ``speaker_count``
        enrolled sounds of the speaker, a float32 without dimensions. By default there are none.
        """


class Classifier(Schema, frozen=True, kw_only=True):
    """A ``model_type``; its fields are the ``model_config``.

    A subclass imports the library it stands on inside its methods: the request of a training is
    checked where none of them is loaded.
    """

    chosen: ClassVar[str] = ""
    """How many recipes were compared to choose the defaults; empty if none were."""
    request_defaults: ClassVar[Mapping[str, Any]] = {}
    """The fields of a training's request that this type has other defaults for."""

    @abstractmethod
    def fit(
        self,
        X: Features,
        y: Classes,
        *,
        origins: Origins | None = None,
        random_state: int,
        report: Report = silent,
    ) -> FittedClassifier:
        """Learn ``y``, the classes 0..n-1 of the rows, shape (rows,), from ``X`` (rows, features).

        A type that does not ask who spoke ignores ``origins``.

        Raises
        ------
        InvalidInput
            The configuration asks for more than ``X`` allows.
        """
