"""Coverage against recall: how good the predictions are if a model answers only when it is sure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from ser._labels import Label
from ser.corpora import Utterance
from ser.evaluation._metrics import unweighted_average_recall

SHARES = (1.0, 0.9, 0.8, 0.7, 0.5)
"""Shares of the utterances, the most confident first, for which there is a figure."""


class Coverage(TypedDict):
    """The figures of the utterances with the most confident predictions."""

    coverage: float
    """Share of the utterances that are predicted."""
    confidence: float
    """Lowest confidence among them: the value of ``abstain_below`` that gives this coverage."""
    uar: float
    """Mean recall of the classes that occur among them."""
    wa: float
    """Share of correct predictions among them."""


def coverage(
    labels: Sequence[Label], utterances: Sequence[Utterance], probabilities: NDArray[np.float32]
) -> list[Coverage]:
    """Return the figures of the most confident predictions, for each of :data:`SHARES`.

    ``probabilities`` are float32 of shape (utterances, classes). Confidence is the highest
    probability. Utterances that are left out are not counted as errors.
    """
    true = np.array([utterance.code for utterance in utterances])
    predicted = np.array([label.code for label in labels])[probabilities.argmax(axis=1)]
    confidence = probabilities.max(axis=1)
    by_confidence = np.argsort(-confidence, kind="stable")
    found = []
    for share in SHARES:
        kept = by_confidence[: max(1, round(share * len(true)))]
        found.append(
            Coverage(
                coverage=len(kept) / len(true),
                confidence=float(confidence[kept[-1]]),
                uar=unweighted_average_recall(true[kept], predicted[kept]),
                wa=float((true[kept] == predicted[kept]).mean()),
            )
        )
    return found
