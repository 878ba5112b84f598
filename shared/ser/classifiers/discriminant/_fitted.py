"""A fitted discriminant, and its graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser.classifiers._rows import FeatureMatrix
from ser.classifiers.discriminant._adaptation import (
    Adaptation,
    default_domain_inputs,
    default_speaker_inputs,
    domain_centre,
)
from ser.classifiers.discriminant._familiarity import Familiarity
from ser.classifiers.discriminant._linear import Discriminant, softmax
from ser.classifiers.discriminant._scaling import Scaler, constant, standardise_in_graph

if TYPE_CHECKING:
    import onnx
    from spox import Var


@dataclass(frozen=True)
class FittedDiscriminant:
    """The scaler and the discriminants of a trained :class:`DiscriminantClassifier`."""

    config: dict[str, Any]
    notes: list[str]
    scaler: Scaler = field(repr=False)
    ordinary: Discriminant = field(repr=False)
    adaptation: Adaptation | None = field(repr=False)
    familiarity: Familiarity | None = field(repr=False)

    def predict_proba(self, X: FeatureMatrix) -> NDArray[np.float32]:
        return softmax(self.ordinary.scores(self.scaler.standardise(X))).astype(np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        from onnx import numpy_helper
        from spox import Tensor, argument, build

        columns = len(self.scaler.mean)
        defaults = default_domain_inputs(columns)
        if self.adaptation:
            defaults |= default_speaker_inputs(columns)
        features = argument(Tensor(np.float32, (None, columns)))
        options = {name: argument(Tensor(np.float32, d.shape)) for name, d in defaults.items()}
        model = build({"features": features, **options}, self._outputs(features, **options))
        # An initializer with the name of an input is its default, and makes the input optional.
        model.graph.initializer.extend(
            numpy_helper.from_array(value, name) for name, value in defaults.items()
        )
        return model

    def _outputs(
        self, features: Var, *, domain_mean: Var, domain_count: Var, **speaker: Var
    ) -> dict[str, Var]:
        """Return the outputs of the graph by name; ``speaker`` has its inputs about a speaker."""
        import spox.opset.ai.onnx.v17 as op

        outputs = {}
        centre = domain_centre(self.scaler.mean, domain_mean, domain_count)
        if self.familiarity:
            outputs["familiarity"] = self.familiarity.in_graph(features, centre.known, domain_mean)
        if self.adaptation:
            centre = self.adaptation.centre_in_graph(
                centre, speaker["speaker_mean"], speaker["speaker_count"]
            )
        Z = standardise_in_graph(
            features, centre.mean, constant(self.scaler.deviation), self.scaler.limit
        )
        scores = self.ordinary.scores_in_graph(Z)
        if self.adaptation:
            scores = self.adaptation.scores_in_graph(
                features, scores, centre, speaker["speaker_deviation"], speaker["speaker_count"]
            )
        return outputs | {"probabilities": op.softmax(scores, axis=1)}
