"""The classifier, and what it has learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import Report, silent
from ser.classifiers._base import Classes, Classifier, Features, Origins
from ser.classifiers.discriminant._calibration import FEWEST_SPEAKERS, Lesson, calibrated
from ser.classifiers.discriminant._enrolment import Enrolment, learn_enrolment, nobody
from ser.classifiers.discriminant._linear import Discriminant, Moments, softmax
from ser.classifiers.discriminant._scaling import Scaler, constant, standardised_in_graph

if TYPE_CHECKING:
    import onnx

UNCALIBRATED = (
    "the probabilities are not calibrated (temperature 1): "
    "each part of the utterances that could be left out takes an emotion with it"
)
NO_ENROLMENT = (
    "speakers cannot be enrolled: "
    f"that is learned from {FEWEST_SPEAKERS} or more known ones who share their emotions"
)


class DiscriminantClassifier(Classifier, frozen=True, kw_only=True):
    """Scaler, limit, calibrated linear discriminant analysis with a shrunken covariance.

    The covariance within the classes is mixed with that of features which vary alike and
    independently (Friedman, Regularized discriminant analysis, JASA 84, 1989). All emotions are
    held equally likely, however often they occur in the training data. Where speakers are known,
    a second discriminant learns from features normalised by their speaker; the more sounds of a
    speaker are enrolled, the more the graph leans on it.
    """

    chosen: ClassVar[str] = (
        "Some 660 recipes were compared on five of EmoDB's ten speakers (03, 08, 10, 13, 15) to "
        "choose the defaults; the figures of the other five were looked at five times on the way."
    )
    request_defaults: ClassVar[Mapping[str, Any]] = {
        "dataset_load_split_at": None,
        "dataset_feature_extract_methods": {"Functionals": {}},
        "dataset_augmentation": {
            "Noise": {},
            "Telephone": {"copies": 4},
            "Clipping": {"copies": 1},
        },
    }

    shrinkage: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Share of the independent features in that mixture."""
    limit: Annotated[float, Meta(gt=0, le=100)] = 1.5
    """Deviations from its mean at which a feature is cut off."""

    def fit(
        self,
        X: Features,
        y: Classes,
        *,
        origins: Origins | None = None,
        random_state: int,
        report: Report = silent,
    ) -> FittedDiscriminant:
        lesson = Lesson.of(X, y, origins, random_state)
        scaler = Scaler.of(lesson.X.mean(axis=0), lesson.X.std(axis=0), self.limit)
        Z = scaler.standardised(lesson.X)
        ordinary = calibrated(Z, lesson, self.shrinkage)
        report(0.5)
        enrolment = learn_enrolment(lesson, scaler.mean, self.limit, self.shrinkage)
        report(1.0)
        notes = [UNCALIBRATED] * (ordinary is None) + [NO_ENROLMENT] * (enrolment is None)
        return FittedDiscriminant(
            msgspec.to_builtins(self),
            notes,
            scaler,
            ordinary or Discriminant.of(Moments.of(Z, y, lesson.classes), self.shrinkage),
            enrolment,
        )


@dataclass(frozen=True)
class FittedDiscriminant:
    """What :class:`DiscriminantClassifier` has learned."""

    config: dict[str, Any]
    notes: list[str]
    scaler: Scaler = field(repr=False)
    ordinary: Discriminant = field(repr=False)
    enrolment: Enrolment | None = field(repr=False)

    def predict_proba(self, X: Features) -> NDArray[np.float32]:
        return softmax(self.ordinary.scores(self.scaler.standardised(X))).astype(np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        import spox.opset.ai.onnx.v17 as op
        from onnx import numpy_helper
        from spox import Tensor, argument, build

        columns = len(self.scaler.mean)
        defaults = nobody(columns) if self.enrolment else {}
        features = argument(Tensor(np.float32, (None, columns)))
        speaker = {name: argument(Tensor(np.float32, d.shape)) for name, d in defaults.items()}
        Z = standardised_in_graph(
            features,
            constant(self.scaler.mean),
            constant(self.scaler.deviation),
            self.scaler.limit,
        )
        scores = self.ordinary.scores_in_graph(Z)
        if self.enrolment:
            scores = self.enrolment.scores_in_graph(features, scores, **speaker)
        probabilities = op.softmax(scores, axis=1)
        model = build({"features": features, **speaker}, {"probabilities": probabilities})
        # What initializes an input is its default: the input may be left out.
        model.graph.initializer.extend(
            numpy_helper.from_array(value, name) for name, value in defaults.items()
        )
        return model
