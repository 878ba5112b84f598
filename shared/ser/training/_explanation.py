"""The answers of a new model to held-out utterances, and the explanations in its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser._progress import ProgressCallback, ignore_share
from ser.classifiers import Classifier, DiscriminantClassifier, DiscriminantScores
from ser.corpora import Utterance
from ser.dataset import Recording, StoredRecording, metadata_of
from ser.evaluation import (
    Evaluation,
    FoldEvaluation,
    Metrics,
    UtterancePrediction,
    family_importance,
    fit_classifier,
    metrics_with_intervals,
    misheard,
    utterance_predictions,
)
from ser.evaluation.report import data_urls
from ser.limits import Limit
from ser.model import Model
from ser.parallel import THIS_MACHINE, Workers
from ser.sounds import SAMPLING_RATE, Signal
from ser.training._corpus import PreparedCorpus
from ser.training._recipe import Recipe


@dataclass(frozen=True)
class Judged:
    """The held-out utterances, and the answers of a model to them."""

    utterances: tuple[Utterance, ...]
    probabilities: NDArray[np.float32]
    """Shape (utterances, classes)."""
    metrics: Metrics

    def predictions(self, corpus: PreparedCorpus) -> tuple[UtterancePrediction, ...]:
        """Return the answers as predictions, whose ``fold`` is empty."""
        folds = {utterance.name: "" for utterance in self.utterances}
        return utterance_predictions(
            corpus.loaded.labels, self.utterances, folds, self.probabilities
        )


def judge_held_out(
    corpus: PreparedCorpus,
    model: bytes,
    workers: Workers = THIS_MACHINE,
    on_progress: ProgressCallback = ignore_share,
) -> Judged:
    """Return the answers of ``model`` to the held-out utterances."""
    loaded, held_out = corpus.loaded, corpus.split.held_out
    indices = [index for index, u in enumerate(loaded.utterances) if u.name in held_out]
    answers = workers.map(
        Answers(model),
        loaded.stored_recordings(indices),
        by="threads",
        on_progress=on_progress,
    )
    utterances = tuple(loaded.utterances[index] for index in indices)
    probabilities = np.stack(answers)
    figures = metrics_with_intervals(loaded.labels, utterances, probabilities)
    return Judged(utterances, probabilities, figures)


class Answers:
    """The answers of a model to recordings; it can be pickled, unlike a model."""

    def __init__(self, model: bytes) -> None:
        self._data, self._model = model, Model(model)

    def __call__(self, recording: StoredRecording | Recording) -> Signal:
        """Return the probabilities of the classes, float32 of shape (classes,)."""
        utterance, signal = recording.read()
        known = metadata_of(utterance)
        return self._model.predict(signal, SAMPLING_RATE, known=known).probabilities.array

    def __reduce__(self) -> tuple[type[Answers], tuple[bytes]]:
        return type(self), (self._data,)


def explain(recipe: Recipe, corpus: PreparedCorpus, fitted: Classifier) -> dict[str, Any]:
    """Return the entry ``families`` of a manifest: what each family of features contributes."""
    held_out = np.isin(corpus.rows.origins.names, [*corpus.split.held_out])
    return family_importance(
        fitted,
        corpus.loaded.labels,
        corpus.extracted.feature_names,
        trained_on=corpus.rows.only(~held_out),
        held_out=corpus.rows.only(held_out),
        random_state=recipe.random_state,
    )


def explain_left_out(
    recipe: Recipe, corpus: PreparedCorpus, speakers: FoldEvaluation
) -> dict[str, Any]:
    """Return the families of features of an evaluation.

    The folds keep graphs alone, without the weights of a discriminant, so one is fitted to all
    utterances. For other classifiers those of the folds answer.
    """
    if not isinstance(recipe.classifier, DiscriminantClassifier):
        return speakers.family_importance()
    scores = DiscriminantScores(**recipe.classifier.get_params())
    return family_importance(
        fit_classifier(scores, corpus.rows, recipe.random_state),
        corpus.loaded.labels,
        corpus.extracted.feature_names,
        trained_on=corpus.rows,
        held_out=corpus.rows,
        random_state=recipe.random_state,
    )


def misheard_of(
    corpus: PreparedCorpus,
    judged: Judged,
    evaluation: Evaluation | None,
) -> dict[str, Any]:
    """Return the entry ``misheard`` of a manifest, for unknown speakers if they were left out."""
    labels = corpus.loaded.labels
    if evaluation is None:
        return misheard(labels, judged.utterances, judged.probabilities)
    probabilities = np.array(
        [[*each.probabilities.values()] for each in evaluation.predictions], np.float32
    )
    return misheard(labels, corpus.loaded.utterances, probabilities)


def playable(corpus: PreparedCorpus, found: Mapping[str, Any], most: Limit) -> dict[str, str]:
    """Return the data URLs of the misheard utterances ``found``, of ``most`` at most."""
    names = (each["name"] for each in found["utterances"])
    listed = [name for rank, name in enumerate(names) if rank < most.value]
    index_of = {u.name: index for index, u in enumerate(corpus.loaded.utterances)}

    def signals() -> Iterator[tuple[str, Signal]]:
        recordings = corpus.loaded.stored_recordings([index_of[name] for name in listed])
        for name, recording in zip(listed, recordings, strict=True):
            yield name, recording.read()[1]

    return data_urls(signals())
