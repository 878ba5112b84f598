"""What models are asked about that they have not learned from, and how well they answer."""

from __future__ import annotations

from ser.evaluation._examination import ENROLLED, Examination
from ser.evaluation._fold_classifiers import judges
from ser.evaluation._metrics import metrics
from ser.evaluation._splits import Folds, Split, hold_out, speaker_folds, text_folds

__all__ = [
    "ENROLLED",
    "Examination",
    "Folds",
    "Split",
    "hold_out",
    "judges",
    "metrics",
    "speaker_folds",
    "text_folds",
]
