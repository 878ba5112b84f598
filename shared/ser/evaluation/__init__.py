"""Evaluation: predictions of utterances that a model was not trained on, and their metrics."""

from __future__ import annotations

from ser.evaluation._comparison import describe_features, describe_rows, describe_split
from ser.evaluation._confusion import ConfusionMatrix
from ser.evaluation._coverage import Coverage, coverage
from ser.evaluation._evaluation import Evaluation, UtterancePrediction, utterance_predictions
from ser.evaluation._families import family_importance, family_of, left_out_importance
from ser.evaluation._fold_classifiers import (
    FoldClassifier,
    fit_classifier,
    fit_classifiers,
    fit_fold_classifiers,
)
from ser.evaluation._fold_evaluation import ENROLLED, FoldEvaluation
from ser.evaluation._intervals import intervals, metrics_with_intervals
from ser.evaluation._metrics import Intervals, Metrics, metrics, metrics_by_corpus
from ser.evaluation._misheard import misheard
from ser.evaluation._names import display_name
from ser.evaluation._paired import CONFIDENCE, Paired, compare_paired
from ser.evaluation._splits import (
    Folds,
    Split,
    corpus_folds,
    emotions_only_in,
    hold_out,
    published_samples,
    speaker_folds,
    speakers_of,
    text_folds,
)
from ser.evaluation._statistics import corpus_statistics
from ser.evaluation._transfer import (
    OTHERS,
    UNLABELLED,
    Adapted,
    Transfer,
    TransferEvaluation,
    left_out_trials,
    matrix_lines,
    transfer_cells,
)

__all__ = [
    "CONFIDENCE",
    "ENROLLED",
    "OTHERS",
    "UNLABELLED",
    "Adapted",
    "ConfusionMatrix",
    "Coverage",
    "Evaluation",
    "FoldClassifier",
    "FoldEvaluation",
    "Folds",
    "Intervals",
    "Metrics",
    "Paired",
    "Split",
    "Transfer",
    "TransferEvaluation",
    "UtterancePrediction",
    "compare_paired",
    "corpus_folds",
    "corpus_statistics",
    "coverage",
    "describe_features",
    "describe_rows",
    "describe_split",
    "display_name",
    "emotions_only_in",
    "family_importance",
    "family_of",
    "fit_classifier",
    "fit_classifiers",
    "fit_fold_classifiers",
    "hold_out",
    "intervals",
    "left_out_importance",
    "left_out_trials",
    "matrix_lines",
    "metrics",
    "metrics_by_corpus",
    "metrics_with_intervals",
    "misheard",
    "published_samples",
    "speaker_folds",
    "speakers_of",
    "text_folds",
    "transfer_cells",
    "utterance_predictions",
]
