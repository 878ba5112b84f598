"""Evaluation: predictions of utterances that a model was not trained on, and their metrics."""

from __future__ import annotations

from ser.evaluation._comparison import describe_features, describe_rows, describe_split
from ser.evaluation._coverage import Coverage, coverage
from ser.evaluation._evaluation import (
    ConfusionMatrix,
    Evaluation,
    UtterancePrediction,
    utterance_predictions,
)
from ser.evaluation._fold_classifiers import FoldClassifier, fit_classifier, fit_fold_classifiers
from ser.evaluation._fold_evaluation import ENROLLED, FoldEvaluation
from ser.evaluation._metrics import metrics, metrics_by_corpus
from ser.evaluation._names import display_name
from ser.evaluation._splits import (
    Folds,
    Split,
    corpus_folds,
    emotions_only_in,
    hold_out,
    speaker_folds,
    text_folds,
)

__all__ = [
    "ENROLLED",
    "ConfusionMatrix",
    "Coverage",
    "Evaluation",
    "FoldClassifier",
    "FoldEvaluation",
    "Folds",
    "Split",
    "UtterancePrediction",
    "corpus_folds",
    "coverage",
    "describe_features",
    "describe_rows",
    "describe_split",
    "display_name",
    "emotions_only_in",
    "fit_classifier",
    "fit_fold_classifiers",
    "hold_out",
    "metrics",
    "metrics_by_corpus",
    "speaker_folds",
    "text_folds",
    "utterance_predictions",
]
