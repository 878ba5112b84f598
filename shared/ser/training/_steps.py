"""The steps of a training, in the order the data flow."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import ser
from ser import _graph as graph
from ser._progress import Progress, Report, quiet, step
from ser.classifiers import FittedClassifier
from ser.corpora import Source, Utterance, require_speakers, speaker_dependent
from ser.corpora.fetching import ANY, FULL_ACCESS, Access, Version
from ser.dataset import Dataset, Extracted, Loaded, metadata_of
from ser.errors import within
from ser.evaluation import (
    ENROLLED,
    Examination,
    Folds,
    hold_out,
    judges,
    metrics,
    speaker_folds,
    text_folds,
)
from ser.evaluation.report import render
from ser.limits import NO_LIMITS, Limits
from ser.model import Model, ModelProperties
from ser.parallel import THIS_MACHINE, Workers
from ser.registry import Registry, new_model_id
from ser.sounds import SAMPLING_RATE
from ser.training._publication import answer_of, publish
from ser.training._recipe import Recipe

LIBRARIES = (
    "numpy",
    "scipy",
    "onnxruntime",
    "onnx",
    "spox",
    "scikit-learn",
    "keras",
    "xgboost",
    "xgboost-cpu",
)
"""Whose versions a manifest names, if they are installed."""


def train(
    recipe: Recipe,
    remote_url: str,
    data_path: str | Path,
    registry: Registry,
    *,
    model_id: str | None = None,
    aliases: Iterable[str] = (),
    version: Version = ANY,
    trigger: Mapping[str, str] | None = None,
    force: bool = False,
    access: Access = FULL_ACCESS,
    limits: Limits = NO_LIMITS,
    workers: Workers = THIS_MACHINE,
    progress: Progress = quiet,
    publishing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train ``recipe`` on a corpus, publish the model, and return the answer of POST /train.

    Parameters
    ----------
    remote_url, version, data_path, force, access, limits
        As for :class:`~ser.dataset.Dataset`.
    model_id
        Default: a new one.
    aliases
        Moved to the model, unless they point at a newer one.
    trigger
        The object whose arrival started the training, for the manifest.
    publishing
        Called when the model is made, and before any of it is published.

    Raises
    ------
    SerError
        Of any kind; then nothing is published, and what was published before stays.
    """
    model_id = model_id or new_model_id()
    seconds: dict[str, float] = {}
    dataset = Dataset(
        data_path,
        remote_url,
        corpus=recipe.corpus,
        access=access,
        limits=limits,
        workers=workers,
        progress=progress,
        version=version,
    )
    with taking(seconds, "load"):
        corpus = obtain(recipe, dataset, force=force)
    with taking(seconds, "features"):
        extracted = corpus.dataset.feature_extract(
            recipe.dataset_feature_extract_methods,
            augmentation=recipe.dataset_augmentation,
            random_state=recipe.random_state,
        )
    training = Training(recipe, corpus, extracted, workers)
    with taking(seconds, "fit"):
        fitted = training.fit(step(progress, "fit"))
    with taking(seconds, "export"):
        model = training.compose(fitted)
    with taking(seconds, "evaluate"):
        evaluated = training.evaluate(model, progress)
    facts = {
        "classes": [str(label) for label in corpus.loaded.labels],
        **evaluated,
        "split": recipe.split,
        "speaker_dependent": speaker_dependent(corpus.loaded.utterances, corpus.held_out),
        "rejected": msgspec.to_builtins(corpus.loaded.rejected),
        "notes": [*dataset.prepare().notes, *fitted.notes, *evaluated["notes"]],
        "chosen": recipe.classifier.chosen,
    }
    manifest = {
        **facts,
        **describe(recipe, corpus, fitted),
        "model_id": model_id,
        "trigger": trigger,
        "seconds": seconds,
    }
    files = {
        "model.onnx": model,
        "report.html": render(manifest),
        **{f"samples/{name}": data for name, data in corpus.held_out.items()},
    }
    publishing()
    with taking(seconds, "publish"):
        notes = publish(registry, model_id, files, manifest, aliases)
    return answer_of({**manifest, "notes": [*facts["notes"], *notes]})


@contextmanager
def taking(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note under ``stage`` how long what happens inside takes."""
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 3)


@dataclass(frozen=True)
class CorpusAtHand:
    """The corpus of a training, as it was when it was read."""

    dataset: Dataset
    name: str
    source: Source
    loaded: Loaded
    held_out: dict[str, bytes]
    """By name, the files of the utterances that no model may learn from."""
    speakers: Folds
    """What the evaluation leaves out by speaker; empty if it does not."""
    texts: Folds
    """What it leaves out by text."""


def obtain(recipe: Recipe, dataset: Dataset, *, force: bool = False) -> CorpusAtHand:
    """Have the corpus on disk, and in memory all that is needed of it."""
    with dataset.exclusively():
        loaded = dataset.load(
            split_at=recipe.dataset_load_split_at,
            normalize=recipe.dataset_load_normalize,
            force=force,
        )
        loso = recipe.evaluation != "holdout"
        if loso or recipe.split == "speaker":
            with within("corpus"):
                require_speakers(loaded.utterances)
        with within("remote_url"):
            names = hold_out(loaded.utterances, recipe.split, recipe.random_state)
            speakers = speaker_folds(loaded.utterances) if loso else {}
        texts = text_folds(loaded.utterances) if recipe.evaluation == "full" else {}
        return CorpusAtHand(
            dataset=dataset,
            name=dataset.prepare().corpus.name,
            source=dataset.download(),
            loaded=loaded,
            held_out={u.name: dataset.read(u) for u in loaded.utterances if u.name in names},
            speakers=speakers,
            texts=texts,
        )


@dataclass(frozen=True)
class Training:
    """How models of one request are made and judged, whatever is held out."""

    recipe: Recipe
    corpus: CorpusAtHand
    extracted: Extracted
    workers: Workers = THIS_MACHINE

    def fit(self, report: Report) -> FittedClassifier:
        """Return a classifier that has learned from all utterances but those held out."""
        X, y, origins = self.corpus.dataset.get_training_rows().without(self.corpus.held_out)
        with within("model_config"):
            return self.recipe.classifier.fit(X, y, origins=origins, progress=report)

    def compose(self, fitted: FittedClassifier) -> bytes:
        """Return the file of the model: the front-end that made the features, and ``fitted``."""
        loaded, front_end = self.corpus.loaded, self.extracted.front_end
        properties = ModelProperties(
            labels=loaded.labels,
            sampling_rate=SAMPLING_RATE,
            front_ends=dict(self.recipe.dataset_feature_extract_methods.configs),
            front_end=self.extracted.digest,
            feature_names=self.extracted.feature_names,
            chunk_samples=loaded.chunk_samples,
            gain=loaded.gain,
            metadata=self.extracted.encoding,
        )
        return graph.compose(front_end, fitted.to_onnx(), msgspec.structs.asdict(properties))

    def evaluate(self, model: bytes, progress: Progress) -> dict[str, Any]:
        """Return the metrics of ``model``, those of the recipe that are asked for, and in
        ``notes`` what of these there is not."""
        evaluated: dict[str, Any] = {"metrics": self._held_out(Model(model)), "notes": []}
        step(progress, "evaluate")(1.0)
        if self.corpus.speakers:
            speakers = self._examine(self.corpus.speakers, step(progress, "leave speakers out"))
            evaluated["loso"] = speakers.as_recorded()
            evaluated["notes"] += [f"with a speaker left out: {note}" for note in speakers.notes]
            if self.recipe.evaluation == "full":
                evaluated["enrolment"] = speakers.enrolled()
                evaluated["degraded"] = speakers.degraded(step(progress, "degrade"))
                evaluated["notes"] += self._not_examined()
        if self.corpus.texts:
            texts = self._examine(self.corpus.texts, step(progress, "leave texts out"))
            evaluated["leave_one_text_out"] = texts.as_recorded()
            evaluated["notes"] += [f"with a text left out: {note}" for note in texts.notes]
        return evaluated

    def _not_examined(self) -> Iterator[str]:
        """Say what the corpus does not allow."""
        fewest = min(map(len, self.corpus.speakers.values()))
        if too_many := [str(clips) for clips in ENROLLED if clips >= fewest]:
            yield f"{', '.join(too_many)} sounds were not enrolled: a speaker has {fewest} in all"
        if not self.corpus.texts:
            yield (
                "no text was left out: texts are unknown, too many, or an emotion is heard in one "
                "of them only"
            )

    def _held_out(self, model: Model) -> dict[str, Any]:
        """The metrics of the utterances held out, from their sounds on."""
        loaded = self.corpus.loaded
        asked = [
            (utterance, signal)
            for utterance, signal in zip(loaded.utterances, loaded.signals, strict=True)
            if utterance.name in self.corpus.held_out
        ]
        answers = [
            model.predict(signal, SAMPLING_RATE, known=metadata_of(utterance)).probabilities.array
            for utterance, signal in asked
        ]
        return metrics(loaded.labels, [utterance for utterance, _ in asked], np.stack(answers))

    def _examine(self, folds: Folds, report: Report) -> Examination:
        learned, notes = judges(
            self.recipe.classifier,
            self.corpus.dataset.get_training_rows(),
            folds,
            random_state=self.recipe.random_state,
            report=report,
            workers=self.workers,
        )
        return Examination(
            self.corpus.loaded,
            self.extracted,
            folds,
            learned,
            notes,
            self.recipe.random_state,
            self.workers,
        )


def describe(recipe: Recipe, corpus: CorpusAtHand, fitted: FittedClassifier) -> dict[str, Any]:
    """Return what the manifest keeps beside the answer: what the model came from."""
    loaded = corpus.loaded
    return {
        "request": msgspec.to_builtins(recipe) | {"remote_url": corpus.source.remote_url},
        "model_config": fitted.config,
        "labels": msgspec.to_builtins(loaded.labels),
        "corpus": {
            "name": corpus.name,
            "utterances": len(loaded.utterances),
            **msgspec.to_builtins(corpus.source),
        },
        "samples": {u.name: sample(u) for u in loaded.utterances if u.name in corpus.held_out},
        "versions": versions(),
    }


def sample(utterance: Utterance) -> dict[str, str]:
    """Return what predict needs to know of a held-out utterance."""
    return {"ground_truth": utterance.code, **metadata_of(utterance)}


def versions() -> dict[str, str]:
    """Return the versions of everything that had a part in the model."""
    found = {"ser": ser.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version_of(library)
    return found
