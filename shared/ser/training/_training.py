"""Training and evaluation of a recipe on the files of a corpus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
import numpy as np
import onnx

from ser import _graph as graph
from ser._progress import Progress, ProgressCallback, ignore_progress, ignore_share, step
from ser.classifiers import Classifier
from ser.corpora import Sources, Utterance, speaker_dependent
from ser.dataset import (
    SignalFacts,
    read_unchanged,
)
from ser.encoders import ENCODERS, EncoderSources
from ser.errors import within
from ser.evaluation import Evaluation, fit_classifier, published_samples
from ser.evaluation.report import markdown, predictions_csv, render
from ser.limits import NO_LIMITS, Limits
from ser.model import ModelProperties
from ser.parallel import THIS_MACHINE, Workers
from ser.registry import Registry, new_model_id
from ser.sounds import SAMPLING_RATE
from ser.training._corpus import PreparedCorpus, extract_features, load_and_split
from ser.training._explanation import explain, judge_held_out, misheard_of, playable
from ser.training._facts import corpus_facts, model_config, note_unpublished, sample_entry
from ser.training._folds import leave_speakers_out
from ser.training._promotion import Promotion, with_promotion
from ser.training._publication import LazyFiles, answer_of, publish
from ser.training._recipe import Recipe


def train_recipe(
    recipe: Recipe,
    sources: Sources,
    registry: Registry,
    *,
    model_id: str | None = None,
    aliases: Iterable[str] = (),
    promotion: Promotion | None = None,
    trigger: Mapping[str, str] | None = None,
    force: bool = False,
    evaluation: Evaluation | None = None,
    encoders: EncoderSources = ENCODERS,
    limits: Limits = NO_LIMITS,
    workers: Workers = THIS_MACHINE,
    progress: Progress = ignore_progress,
    before_publishing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train ``recipe`` on a corpus, publish the model, and return the answer of POST /train.

    Parameters
    ----------
    model_id
        Id of the model. Default: a new id.
    aliases
        Aliases to move to the model, unless they point at a newer one.
    promotion
        A further alias, which moves if the model is no worse than the one that it points at.
    trigger
        The object whose arrival started the training, for the manifest.
    force
        Whether to fetch and unpack the corpus again even if it is kept.
    evaluation
        The result of :func:`evaluate_recipe` for the same recipe and corpus, which is published
        with the model. Default: it is computed if the recipe requires it.
    encoders
        The places where pretrained encoders are looked for.
    before_publishing
        Called when the model is complete, before any file of it is published.

    Raises
    ------
    SerError
        Any kind of error. No model is published, and existing models do not change. The location
        of a fault begins with a field of the recipe, ``source``, ``data_path`` or ``registry``.
    """
    model_id = model_id or new_model_id()
    corpus, seconds = prepare(
        recipe,
        sources,
        force=force,
        encoders=encoders,
        limits=limits,
        workers=workers,
        progress=progress,
    )
    with record_duration(seconds, "fit"):
        fitted = fit(recipe, corpus, step(progress, "fit"))
    with record_duration(seconds, "export"):
        model = compose(recipe, corpus, fitted)
    with record_duration(seconds, "evaluate"):
        on_progress = step(progress, "evaluate")
        judged = judge_held_out(corpus, model, workers, on_progress)
        evaluated: dict[str, Any] = {"metrics": judged.metrics}
        if evaluation is None and corpus.split.speakers:
            evaluation = leave_speakers_out(recipe, corpus, workers=workers, progress=progress)
        evaluated |= evaluation.as_answer() if evaluation else {"notes": []}
    with record_duration(seconds, "explain"):
        families = explain(recipe, corpus, fitted)
    loaded, held_out = corpus.loaded, corpus.split.held_out
    published = published_samples(loaded.utterances, held_out, limits.samples, recipe.random_state)
    samples = {
        utterance: facts
        for utterance, facts in zip(loaded.utterances, loaded.facts, strict=True)
        if utterance.name in published
    }
    facts = {
        "classes": [str(label) for label in loaded.labels],
        **evaluated,
        "split": recipe.split,
        "speaker_dependent": speaker_dependent(loaded.utterances, held_out),
        "rejected": list(msgspec.to_builtins(loaded.rejected)),
        "notes": [
            *dict.fromkeys((*corpus.loaded.notes, *fitted.notes, *evaluated["notes"])),
            *note_unpublished(held_out, published, limits.samples),
        ],
        "chosen": recipe.selection_note,
    }
    manifest = {
        **facts,
        **corpus_facts(recipe, corpus, sources),
        "families": families,
        "misheard": misheard_of(corpus, judged, evaluation),
        "model_config": fitted.config,
        "samples": {utterance.name: sample_entry(utterance) for utterance in samples},
        "model_id": model_id,
        "trigger": trigger,
        "seconds": seconds,
    }
    report = render(manifest, playable(corpus, manifest["misheard"], limits.samples))
    predictions = predictions_csv(
        {
            **({"speakers left out": evaluation.predictions} if evaluation else {}),
            "held out": judged.predictions(corpus),
        }
    )
    model_card = markdown(manifest)
    contents = LazyFiles(
        {
            "model.onnx": lambda: model,
            "report.html": lambda: report,
            "predictions.csv": lambda: predictions,
            "model_card.md": lambda: model_card,
            **{
                f"samples/{utterance.name}": partial(sample, sources, utterance, facts)
                for utterance, facts in samples.items()
            },
        }
    )
    before_publishing()
    with record_duration(seconds, "publish"):
        notes = publish(registry, model_id, contents, manifest, aliases)
    if promotion:
        step(progress, "promote")(0.0)
    answer = answer_of({**manifest, "notes": [*facts["notes"], *notes]})
    return with_promotion(answer, registry, promotion)


def evaluate_recipe(
    recipe: Recipe,
    sources: Sources,
    *,
    force: bool = False,
    encoders: EncoderSources = ENCODERS,
    limits: Limits = NO_LIMITS,
    workers: Workers = THIS_MACHINE,
    progress: Progress = ignore_progress,
) -> Evaluation:
    """Return the evaluation of ``recipe`` with each speaker of a corpus left out once.

    ``recipe.evaluation`` must be ``"loso"`` or ``"full"``. No model is published.

    Raises
    ------
    SerError
        As for :func:`train_recipe`.
    """
    corpus, seconds = prepare(
        recipe,
        sources,
        force=force,
        encoders=encoders,
        limits=limits,
        workers=workers,
        progress=progress,
        hold_out_samples=False,
    )
    with record_duration(seconds, "evaluate"):
        evaluation = leave_speakers_out(
            recipe, corpus, explained=True, workers=workers, progress=progress
        )
    facts = {
        "classes": [str(label) for label in corpus.loaded.labels],
        **corpus_facts(recipe, corpus, sources),
        "model_config": model_config(recipe),
        "chosen": recipe.selection_note,
        "seconds": seconds,
    }
    return replace(evaluation, facts=facts)


def prepare(
    recipe: Recipe,
    sources: Sources,
    *,
    force: bool,
    encoders: EncoderSources,
    limits: Limits,
    workers: Workers,
    progress: Progress,
    hold_out_samples: bool = True,
) -> tuple[PreparedCorpus, dict[str, float]]:
    """Return the corpus with its features, and the seconds that each step took.

    Front-ends are opened first: an encoder that cannot be used ends a training before it has
    fetched its corpus.
    """
    seconds: dict[str, float] = {}
    with record_duration(seconds, "open"), within("dataset_feature_extract_methods"):
        front_ends = recipe.dataset_feature_extract_methods.opened(encoders)
    with record_duration(seconds, "load"):
        split = load_and_split(
            recipe,
            sources,
            hold_out_samples=hold_out_samples,
            force=force,
            limits=limits,
            workers=workers,
            progress=progress,
        )
    with record_duration(seconds, "features"):
        corpus = extract_features(
            recipe,
            split,
            sources,
            front_ends=front_ends,
            limits=limits,
            workers=workers,
            progress=progress,
        )
    return corpus, seconds


@contextmanager
def record_duration(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Store the duration of the context in ``seconds[stage]``."""
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 3)


def fit(
    recipe: Recipe, corpus: PreparedCorpus, on_progress: ProgressCallback = ignore_share
) -> Classifier:
    """Return a classifier fitted to all utterances except the held-out ones."""
    held_out = np.isin(corpus.rows.origins.names, [*corpus.split.held_out])
    rows = corpus.rows.only(~held_out)
    return fit_classifier(recipe.classifier, rows, recipe.random_state, on_progress)


def compose(recipe: Recipe, corpus: PreparedCorpus, fitted: Classifier) -> bytes:
    """Return the ONNX file of the model: the front-end of the features, followed by ``fitted``."""
    loaded, extracted = corpus.loaded, corpus.extracted
    properties = ModelProperties(
        labels=loaded.labels,
        sampling_rate=SAMPLING_RATE,
        front_ends=dict(recipe.dataset_feature_extract_methods.public.configs),
        front_end=extracted.digest,
        feature_names=extracted.feature_names,
        chunk_samples=loaded.chunk_samples,
        gain=loaded.gain,
        metadata=extracted.encoding,
        encoders={name: dict(origin) for name, origin in extracted.encoders.items()},
    )
    front_end = onnx.load_from_string(extracted.front_end)
    return graph.compose(front_end, fitted.to_onnx(), msgspec.structs.asdict(properties))


def sample(sources: Sources, utterance: Utterance, facts: SignalFacts) -> bytes:
    """Return the file of a held-out utterance for its publication with the model."""
    return read_unchanged(sources, utterance, facts).content
