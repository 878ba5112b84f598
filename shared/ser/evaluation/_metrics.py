"""How well probabilities tell emotions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser._labels import Label
from ser.corpora import Utterance

BINS = 10
"""Of equal width, that confidences are put into."""


def metrics(
    labels: Sequence[Label], utterances: Sequence[Utterance], probabilities: NDArray[np.float32]
) -> dict[str, Any]:
    """Return how well ``probabilities``, shape (utterances, classes), tell the emotions.

    - ``uar``: the unweighted average recall, the mean of the recalls of the classes that occur;
      ``wa``: the weighted accuracy, the share of the utterances that are right; ``macro_f1``: the
      mean of the classes' F1; ``per_class`` and ``confusion_matrix`` (rows: truth). All by
      scikit-learn.
    - ``per_speaker`` and ``per_gender``: the UAR of the utterances of each, where they are known;
      ``uar_deviation``: the standard deviation of the speakers' UARs, of two or more.
    - ``reliability`` and ``ece``: see :func:`calibration`.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    codes = [label.code for label in labels]
    truth = np.array([utterance.code for utterance in utterances])
    guesses = np.array(codes)[probabilities.argmax(axis=1)]
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, guesses, labels=codes, zero_division=0.0
    )
    occurs = support > 0
    per_speaker = uar_by([utterance.speaker for utterance in utterances], truth, guesses)
    uars = list(per_speaker.values())
    return {
        "uar": float(recall[occurs].mean()),
        **({"uar_deviation": float(np.std(uars, ddof=1))} if len(uars) > 1 else {}),
        "wa": float((truth == guesses).mean()),
        "macro_f1": float(f1[occurs].mean()),
        **calibration(probabilities.max(axis=1), truth == guesses),
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
        "per_gender": uar_by([utterance.gender for utterance in utterances], truth, guesses),
        "confusion_matrix": confusion_matrix(truth, guesses, labels=codes).tolist(),
    }


def uar_by(
    groups: Sequence[str], truth: NDArray[np.str_], guesses: NDArray[np.str_]
) -> dict[str, float]:
    """Return the UAR of each of ``groups``, one of which stands for each utterance."""
    known = np.array(groups)
    return {
        str(group): unweighted_average_recall(truth[known == group], guesses[known == group])
        for group in np.unique(known[known != ""])
    }


def unweighted_average_recall(truth: NDArray[np.str_], guesses: NDArray[np.str_]) -> float:
    """Return the mean of the recalls of the classes that occur in ``truth``."""
    return float(np.mean([(guesses[truth == code] == code).mean() for code in np.unique(truth)]))


def calibration(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> dict[str, Any]:
    """Return how far the highest probabilities are those of being right.

    Utterances are put into :data:`BINS` bins by their highest probability. ``reliability`` tells
    the mean ``confidence``, the ``accuracy`` and the ``count`` of each bin that is not empty;
    ``ece``, the expected calibration error, is the mean distance of the two, weighted by count.

    Source: Guo, Pleiss, Sun, Weinberger, On calibration of modern neural networks, ICML 2017.
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    reliability = [
        {
            "confidence": float(confidence[bins == each].mean()),
            "accuracy": float(right[bins == each].mean()),
            "count": int((bins == each).sum()),
        }
        for each in np.unique(bins)
    ]
    distance = sum(b["count"] * abs(b["confidence"] - b["accuracy"]) for b in reliability)
    return {"ece": distance / len(confidence), "reliability": reliability}
