"""What models are asked about that they have not learned from, and how well they answer."""

from ser.evaluation.metrics import metrics
from ser.evaluation.splits import Folds, Split, hold_out, speaker_folds, text_folds

__all__ = ["Folds", "Split", "hold_out", "metrics", "speaker_folds", "text_folds"]
