"""The predictions of an evaluation as a CSV table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ser._csv import row
from ser.evaluation._evaluation import UtterancePrediction

COLUMNS = ("evaluation", "file", "speaker", "gender", "text", "fold", "true", "predicted")


def predictions_csv(evaluations: Mapping[str, Sequence[UtterancePrediction]]) -> bytes:
    """Return the predictions of each of ``evaluations`` by name, as CSV in UTF-8.

    The columns are :data:`COLUMNS` and ``probability of`` each emotion.
    """
    rows = [(name, each) for name, predictions in evaluations.items() for each in predictions]
    emotions = [*rows[0][1].probabilities] if rows else []
    lines = [row([*COLUMNS, *(f"probability of {emotion}" for emotion in emotions)])]
    for name, each in rows:
        described = (getattr(each, column) for column in COLUMNS[1:])
        chances = (f"{each.probabilities[emotion]:.6f}" for emotion in emotions)
        lines.append(row([name, *described, *chances]))
    return "".join(lines).encode()
