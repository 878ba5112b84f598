"""The steps of a training, in the order the data flow."""

from __future__ import annotations

import platform
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
import numpy as np

import ser
from ser import audio, graph
from ser.classifiers import FittedClassifier
from ser.corpora import Utterance
from ser.dataset import Dataset, Extracted, Loaded, metadata_of
from ser.errors import within
from ser.evaluation import hold_out, metrics, speaker_folds
from ser.model import Model, ModelProperties
from ser.progress import Progress, Report, quiet, silent, step
from ser.registry import new_model_id, open_registry
from ser.settings import Settings
from ser.training.request import TrainRequest

LATEST = "latest"
"""The alias that every training moves to its model."""

LIBRARIES = ("numpy", "onnxruntime", "onnx", "spox", "scikit-learn", "keras", "xgboost-cpu")
"""Whose versions a manifest names, if they are installed."""


def train(
    request: TrainRequest, *, settings: Settings, progress: Progress = quiet
) -> dict[str, Any]:
    """Train what ``request`` asks for, publish it, and return the answer of POST /train.

    Raises
    ------
    SerError
        Of any kind; then nothing is published, and what was published before stays.
    """
    seconds: dict[str, float] = {}
    with taking(seconds, "load"):
        corpus = obtain(request, settings, progress)
    with taking(seconds, "features"):
        extracted = corpus.dataset.feature_extract(request.dataset_feature_extract_methods)
    recipe = Recipe(request, corpus, extracted)
    with taking(seconds, "fit"):
        fitted = recipe.fit(corpus.held_out, step(progress, "fit"))
    with taking(seconds, "export"):
        model = recipe.compose(fitted)
    with taking(seconds, "evaluate"):
        evaluated = recipe.evaluate(model, step(progress, "evaluate"))
    facts = {
        "classes": [str(label) for label in corpus.loaded.labels],
        **evaluated,
        "split": request.split,
        "rejected": msgspec.to_builtins(corpus.loaded.rejected),
        "notes": fitted.notes,
    }
    with taking(seconds, "publish"):
        manifest = {**facts, **describe(request, corpus, fitted), "seconds": seconds}
        model_id = publish(request.model_save_path, model, corpus.held_out, manifest)
    return {
        "model_id": model_id,
        "test_samples": sorted(corpus.held_out),
        **facts,
        "seconds": seconds,
    }


@contextmanager
def taking(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note under ``stage`` how long what happens inside takes."""
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 3)


@dataclass(frozen=True)
class CorpusAtHand:
    """The corpus of a training and which of its utterances are held out."""

    dataset: Dataset
    loaded: Loaded
    held_out: dict[str, bytes]
    """By name, the files of the utterances that no model may learn from."""


def obtain(request: TrainRequest, settings: Settings, progress: Progress) -> CorpusAtHand:
    """Have the corpus on disk, and in memory all that is needed of it."""
    dataset = Dataset(request.data_path, request.remote_url, settings=settings, progress=progress)
    with dataset.exclusively():
        loaded = dataset.load(
            split_at=request.dataset_load_split_at,
            normalize=request.dataset_load_normalize,
            force=request.dataset_force,
        )
        with within("remote_url"):
            names = hold_out(loaded.utterances, request.split, request.random_state)
        held_out = {u.name: dataset.read(u) for u in loaded.utterances if u.name in names}
    return CorpusAtHand(dataset, loaded, held_out)


@dataclass(frozen=True)
class Recipe:
    """How models of one request are made and judged, whatever is held out."""

    request: TrainRequest
    corpus: CorpusAtHand
    extracted: Extracted

    def fit(self, held_out: Collection[str], report: Report = silent) -> FittedClassifier:
        """Return a classifier that has learned from all utterances but those ``held_out``."""
        names = [u.name for u in self.corpus.loaded.utterances if u.name not in held_out]
        X, y, _ = self.corpus.dataset.get_features(names)
        return self.request.classifier.fit(
            X, y, random_state=self.request.random_state, report=report
        )

    def compose(self, fitted: FittedClassifier) -> bytes:
        """Return the file of the model: the front-end that made the features, and ``fitted``."""
        loaded = self.corpus.loaded
        properties = ModelProperties(
            labels=loaded.labels,
            sampling_rate=audio.SAMPLING_RATE,
            front_ends=dict(self.request.dataset_feature_extract_methods.configs),
            chunk_samples=loaded.chunk_samples,
            gain=loaded.gain,
            metadata=self.extracted.encoding,
        )
        return graph.compose(
            self.extracted.front_end, fitted.to_onnx(), msgspec.structs.asdict(properties)
        )

    def evaluate(self, model: bytes, report: Report) -> dict[str, Any]:
        """Return the metrics of ``model`` and, if asked for, those of leaving speakers out."""
        evaluated = {"metrics": self._judge([(self.corpus.held_out, model)])}
        if self.request.evaluation == "loso":
            with within("evaluation"):
                folds = list(speaker_folds(self.corpus.loaded.utterances))
            models = []
            for done, (_, names) in enumerate(folds, start=1):
                models.append((names, self.compose(self.fit(names))))
                report(done / len(folds))
            evaluated["loso"] = self._judge(models) | {
                "per_speaker": {
                    speaker: self._judge([fold])["uar"]
                    for (speaker, _), fold in zip(folds, models, strict=True)
                }
            }
        report(1.0)
        return evaluated

    def _judge(self, models: Sequence[tuple[Collection[str], bytes]]) -> dict[str, Any]:
        """Return the metrics of models, each on the utterances it has not learned from."""
        truth: list[str] = []
        probabilities = []
        for names, data in models:
            model = Model(data)
            for utterance, signal in zip(
                self.corpus.loaded.utterances, self.corpus.loaded.signals, strict=True
            ):
                if utterance.name in names:
                    truth.append(utterance.code)
                    probabilities.append(model.predict(signal, metadata_of(utterance)))
        return metrics(self.corpus.loaded.labels, truth, np.stack(probabilities))


def describe(
    request: TrainRequest, corpus: CorpusAtHand, fitted: FittedClassifier
) -> dict[str, Any]:
    """Return what the manifest keeps beside the answer: what the model came from."""
    loaded = corpus.loaded
    return {
        "request": msgspec.to_builtins(request),
        "model_config": fitted.config,
        "labels": msgspec.to_builtins(loaded.labels),
        "corpus": {
            "name": corpus.dataset.prepare().corpus.name,
            "utterances": len(loaded.utterances),
            **msgspec.to_builtins(corpus.dataset.download()),
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
            found[library] = version(library)
    return found


def publish(uri: str, model: bytes, samples: dict[str, bytes], manifest: dict[str, Any]) -> str:
    """Publish ``model`` under a new id, move ``latest`` to it, and return the id."""
    registry = open_registry(uri)
    model_id = new_model_id()
    files = {"model.onnx": model} | {f"samples/{name}": data for name, data in samples.items()}
    registry.publish(model_id, files, manifest)
    registry.move(LATEST, model_id, forward_only=True)
    return model_id
