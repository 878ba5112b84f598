"""The discriminant classifier, before and after training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import ProgressCallback
from ser._schemas import Schema
from ser.classifiers._base import DEFAULT_RANDOM_STATE, Classifier
from ser.classifiers._rows import FeatureMatrix, Rows
from ser.classifiers.discriminant._adaptation import (
    Adaptation,
    default_domain_inputs,
    default_speaker_inputs,
    domain_centre,
    fit_adaptation,
)
from ser.classifiers.discriminant._calibration import (
    FEWEST_SPEAKERS,
    TrainingSet,
    fit_calibrated,
)
from ser.classifiers.discriminant._familiarity import Familiarity, fit_familiarity
from ser.classifiers.discriminant._linear import Discriminant, Moments, softmax
from ser.classifiers.discriminant._scaling import Scaler, constant, standardise_in_graph

if TYPE_CHECKING:
    import onnx
    from spox import Var

UNCALIBRATED = (
    "the probabilities are not calibrated (temperature 1): "
    "each fold of the training data contains all utterances of an emotion"
)
NO_ENROLMENT = (
    "speakers cannot be enrolled: "
    f"that requires {FEWEST_SPEAKERS} or more known speakers with the same emotions"
)


class DiscriminantConfig(Schema, frozen=True, kw_only=True):
    """The ``model_config`` of :class:`DiscriminantClassifier`."""

    shrinkage: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Weight of the covariance of independent features, from 0 to 1."""
    limit: Annotated[float, Meta(gt=0, le=100)] = 1.5
    """Number of standard deviations from its mean at which a feature is clipped."""


DEFAULTS = DiscriminantConfig()


class DiscriminantClassifier(Classifier):
    """Scaler, limit, and calibrated linear discriminant analysis with a shrunken covariance.

    The covariance within the classes is mixed with that of independent features with equal
    variances (Friedman, Regularized discriminant analysis, JASA 84, 1989). All emotions have the
    same prior probability, however often they occur in the training data. If speakers are known,
    a second discriminant is trained on features normalised by their speaker; the more sounds of a
    speaker or of a domain are enrolled, the larger its share in the scores of the graph. The graph
    also has the familiarity of a sound (:mod:`ser.classifiers.discriminant._familiarity`).

    Parameters
    ----------
    shrinkage, limit
        See :class:`DiscriminantConfig`.
    random_state
        Seed of the folds used for calibration.
    """

    config_type = DiscriminantConfig

    def __init__(
        self,
        *,
        shrinkage: float = DEFAULTS.shrinkage,
        limit: float = DEFAULTS.limit,
        random_state: int = DEFAULT_RANDOM_STATE,
    ) -> None:
        self.shrinkage = shrinkage
        self.limit = limit
        self.random_state = random_state

    def _fit(
        self,
        config: DiscriminantConfig,
        rows: Rows,
        on_progress: ProgressCallback,
    ) -> FittedDiscriminant:
        training = TrainingSet.of(rows, self.random_state)
        scaler = Scaler.of(training.X.mean(axis=0), training.X.std(axis=0), config.limit)
        Z = scaler.standardise(training.X)
        ordinary = fit_calibrated(Z, training, config.shrinkage)
        on_progress(0.4)
        adaptation = fit_adaptation(training, scaler.mean, config.limit, config.shrinkage)
        on_progress(0.8)
        familiarity = fit_familiarity(training, self.random_state)
        on_progress(1.0)
        everything = Moments.of(Z, training.y, training.classes)
        notes = [UNCALIBRATED] * (ordinary is None) + [NO_ENROLMENT] * (adaptation is None)
        return FittedDiscriminant(
            msgspec.to_builtins(config),
            notes,
            scaler,
            ordinary or Discriminant.of(everything, config.shrinkage),
            adaptation,
            familiarity,
        )


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
