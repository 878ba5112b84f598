"""Metrics of emotion recognition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from ser._labels import Label
from ser.corpora import Utterance

BINS = 10
"""Number of equally wide bins for the confidences."""


class ReliabilityBin(TypedDict):
    """The predictions with confidences in one interval."""

    confidence: float
    accuracy: float
    count: int


class Calibration(TypedDict):
    """The calibration of predictions, see :func:`calibration`."""

    ece: float
    reliability: list[ReliabilityBin]


class ClassMetrics(TypedDict):
    """The metrics of one class."""

    recall: float
    precision: float
    f1: float
    support: int


Interval = tuple[float, float]
"""Lower and upper bound."""


class Intervals(TypedDict):
    """Intervals of the headline figures, each ``None`` if it cannot be estimated."""

    uar: Interval | None
    wa: Interval | None
    macro_f1: Interval | None
    ece: Interval | None
    unit: Literal["speakers", "utterances"]
    """The units that were drawn."""
    units: int
    """Number of these units."""


class Metrics(Calibration):
    """The figures of an evaluation, see :func:`metrics`."""

    intervals: NotRequired[Intervals]
    uar: float
    uar_deviation: NotRequired[float]
    wa: float
    macro_f1: float
    per_class: dict[str, ClassMetrics]
    per_speaker: dict[str, float]
    per_gender: dict[str, float]
    confusion_matrix: list[list[int]]


def metrics(
    labels: Sequence[Label], utterances: Sequence[Utterance], probabilities: NDArray[np.float32]
) -> Metrics:
    """Return the metrics of ``probabilities``, float32 of shape (utterances, classes).

    - ``uar``: the unweighted average recall, the mean recall of the classes that occur;
      ``wa``: the weighted accuracy, the share of correct utterances; ``macro_f1``: the
      mean of the classes' F1; ``per_class`` and ``confusion_matrix`` (rows: true labels).
      All are computed by scikit-learn.
    - ``per_speaker`` and ``per_gender``: the UAR by speaker and by gender, if they are known;
      ``uar_deviation``: the standard deviation of the UAR between two or more speakers.
    - ``reliability`` and ``ece``: see :func:`calibration`.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    codes = [label.code for label in labels]
    true = np.array([utterance.code for utterance in utterances])
    predicted = np.array(codes)[probabilities.argmax(axis=1)]
    precision, recall, f1, support = precision_recall_fscore_support(
        true, predicted, labels=codes, zero_division=0.0
    )
    occurs = support > 0
    per_speaker = uar_by([utterance.speaker for utterance in utterances], true, predicted)
    calibrated = calibration(probabilities.max(axis=1), true == predicted)
    found: Metrics = {
        "uar": float(recall[occurs].mean()),
        "wa": float((true == predicted).mean()),
        "macro_f1": float(f1[occurs].mean()),
        "ece": calibrated["ece"],
        "reliability": calibrated["reliability"],
        "per_class": {
            str(label): {
                "recall": float(recall[index]),
                "precision": float(precision[index]),
                "f1": float(f1[index]),
                "support": int(support[index]),
            }
            for index, label in enumerate(labels)
        },
        "per_speaker": per_speaker,
        "per_gender": uar_by([utterance.gender for utterance in utterances], true, predicted),
        "confusion_matrix": confusion_matrix(true, predicted, labels=codes).tolist(),
    }
    if len(per_speaker) > 1:
        found["uar_deviation"] = float(np.std([*per_speaker.values()], ddof=1))
    return found


def metrics_by_corpus(
    labels: Sequence[Label], utterances: Sequence[Utterance], probabilities: NDArray[np.float32]
) -> dict[str, Metrics]:
    """Return the :func:`metrics` of each of several corpora; empty for a single one."""
    corpora = np.array([utterance.corpus for utterance in utterances])
    if len({*corpora.tolist()}) < 2:
        return {}
    return {
        str(name): metrics(
            labels, [u for u in utterances if u.corpus == name], probabilities[corpora == name]
        )
        for name in np.unique(corpora)
    }


def uar_by(
    groups: Sequence[str], true: NDArray[np.str_], predicted: NDArray[np.str_]
) -> dict[str, float]:
    """Return the UAR by group; ``groups`` has the group of each utterance, empty if unknown."""
    known = np.array(groups)
    return {
        str(group): unweighted_average_recall(true[known == group], predicted[known == group])
        for group in np.unique(known[known != ""])
    }


def unweighted_average_recall(true: NDArray[np.str_], predicted: NDArray[np.str_]) -> float:
    """Return the mean recall of the classes that occur in ``true``."""
    return float(np.mean([(predicted[true == code] == code).mean() for code in np.unique(true)]))


def calibration(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> Calibration:
    """Return the calibration of the predictions: the differences of confidence and accuracy.

    Utterances are sorted into :data:`BINS` bins by their highest probability. ``reliability`` has
    the mean ``confidence``, the ``accuracy`` and the ``count`` of each bin that is not empty;
    ``ece``, the expected calibration error, is the mean difference between confidence and accuracy,
    weighted by count.

    Source: Guo, Pleiss, Sun, Weinberger, On calibration of modern neural networks, ICML 2017.
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    reliability: list[ReliabilityBin] = [
        {
            "confidence": float(confidence[bins == each].mean()),
            "accuracy": float(correct[bins == each].mean()),
            "count": int((bins == each).sum()),
        }
        for each in np.unique(bins)
    ]
    distance = sum(b["count"] * abs(b["confidence"] - b["accuracy"]) for b in reliability)
    return {"ece": distance / len(confidence), "reliability": reliability}
