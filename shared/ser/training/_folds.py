"""The evaluation of a recipe with each speaker, and each text, left out once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ser._progress import Progress, ProgressCallback, ignore_progress, step
from ser.evaluation import (
    ENROLLED,
    Evaluation,
    FoldEvaluation,
    Folds,
    coverage,
    describe_features,
    describe_rows,
    describe_split,
    fit_fold_classifiers,
    metrics_by_corpus,
    metrics_with_intervals,
    misheard,
    utterance_predictions,
)
from ser.parallel import THIS_MACHINE, Workers
from ser.training._corpus import PreparedCorpus
from ser.training._explanation import explain_left_out
from ser.training._recipe import Recipe
from ser.training._transfer import leave_corpora_out


def leave_speakers_out(
    recipe: Recipe,
    corpus: PreparedCorpus,
    *,
    explained: bool = False,
    workers: Workers = THIS_MACHINE,
    progress: Progress = ignore_progress,
) -> Evaluation:
    """Return the evaluation of ``recipe`` with each speaker of ``corpus`` left out once.

    It includes the figures of the most confident predictions and the misheard utterances, and if
    ``explained`` the families of features. If ``recipe.evaluation`` is ``"full"``, it includes
    figures with enrolled speakers, with degraded and with shortened sounds, and with each text left
    out once. With several corpora, it includes the figures of each, figures with each left out
    once, and those of each after a training on each.
    """
    loaded, split = corpus.loaded, corpus.split
    speakers = cross_validate(
        recipe, corpus, split.speakers, workers, step(progress, "leave speakers out")
    )
    probabilities = speakers.probabilities()
    notes = [*loaded.notes, *(f"with a speaker left out: {note}" for note in speakers.notes)]
    full: dict[str, Any] = {
        "coverage": coverage(loaded.labels, loaded.utterances, probabilities),
        "misheard": misheard(loaded.labels, loaded.utterances, probabilities),
    }
    if explained:
        full["families"] = explain_left_out(recipe, corpus, speakers)
    if recipe.evaluation == "full":
        full["enrolment"] = speakers.enrolment_effects()
        full["degraded"] = speakers.degradation_effects(step(progress, "degrade"))
        full["heard"] = speakers.duration_effects(step(progress, "shorten"))
        notes += missing_figures(speakers.speakers, split.texts)
    if split.texts:
        texts = cross_validate(
            recipe, corpus, split.texts, workers, step(progress, "leave texts out")
        )
        full["leave_one_text_out"] = texts.recorded_metrics()
        notes += [f"with a text left out: {note}" for note in texts.notes]
    if by_corpus := metrics_by_corpus(loaded.labels, loaded.utterances, probabilities):
        corpora = leave_corpora_out(recipe, corpus, workers, step(progress, "leave corpora out"))
        full["loso_by_corpus"] = by_corpus
        full["leave_one_corpus_out"] = corpora.left_out
        full["transfer"] = corpora.transfer
        notes += corpora.notes
    return Evaluation(
        model_type=recipe.model_type,
        corpus=loaded.name,
        labels=loaded.labels,
        figures=metrics_with_intervals(loaded.labels, loaded.utterances, probabilities),
        predictions=utterance_predictions(
            loaded.labels, loaded.utterances, speakers.fold_of, probabilities
        ),
        notes=tuple(notes),
        rejected=tuple(msgspec.to_builtins(loaded.rejected)),
        features=describe_features(
            recipe.dataset_feature_extract_methods, recipe.dataset_augmentation, corpus.extracted
        ),
        split=describe_split(loaded, split.speakers, recipe.leave_out),
        rows=describe_rows(loaded, corpus.extracted),
        facts={},
        **full,
    )


def cross_validate(
    recipe: Recipe,
    corpus: PreparedCorpus,
    folds: Folds,
    workers: Workers,
    on_progress: ProgressCallback,
) -> FoldEvaluation:
    """Return the evaluation of ``recipe`` with one classifier for each fold, fitted without it."""
    classifiers, notes = fit_fold_classifiers(
        recipe.classifier,
        corpus.rows,
        folds,
        random_state=recipe.random_state,
        leave_out=recipe.leave_out,
        on_progress=on_progress,
        workers=workers,
    )
    return FoldEvaluation(
        corpus.loaded, corpus.extracted, folds, classifiers, notes, recipe.random_state, workers
    )


def missing_figures(speakers: Folds, texts: Folds) -> Iterator[str]:
    """Yield a note on each figure that cannot be computed on the corpus."""
    fewest = min(map(len, speakers.values()))
    if too_many := [str(clips) for clips in ENROLLED if clips >= fewest]:
        yield f"{', '.join(too_many)} sounds were not enrolled: a speaker has {fewest} in all"
    if not texts:
        yield (
            "no text was left out: texts are unknown, there are too many, or an emotion occurs in "
            "only one of them"
        )
