"""The steps of a training, in the order the data flow."""

from __future__ import annotations

import platform
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

import ser
from ser import audio, graph
from ser.classifiers import FittedClassifier
from ser.corpora import Utterance
from ser.corpora.folder import Source
from ser.corpora.speakers import require_speakers, speaker_dependent
from ser.dataset import Dataset, Extracted, Loaded, metadata_of
from ser.errors import SerError, within
from ser.evaluation import hold_out, metrics, speaker_folds
from ser.model import Model, ModelProperties
from ser.progress import Progress, Report, quiet, silent, step
from ser.registry import new_model_id, open_registry
from ser.settings import Settings
from ser.sources import without_secrets
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
        "speaker_dependent": speaker_dependent(corpus.loaded.utterances, corpus.held_out),
        "rejected": msgspec.to_builtins(corpus.loaded.rejected),
        "notes": fitted.notes,
    }
    manifest = {**facts, **describe(request, corpus, fitted), "seconds": seconds}
    with taking(seconds, "publish"):
        model_id, notes = publish(request.model_save_path, model, corpus.held_out, manifest)
    return {
        "model_id": model_id,
        "test_samples": sorted(corpus.held_out),
        **facts,
        "notes": [*fitted.notes, *notes],
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
    """The corpus of a training, as it was when it was read."""

    dataset: Dataset
    name: str
    source: Source
    loaded: Loaded
    held_out: dict[str, bytes]
    """By name, the files of the utterances that no model may learn from."""
    folds: dict[str, set[str]]
    """By speaker, the names of what the evaluation leaves out; empty without such an one."""


def obtain(request: TrainRequest, settings: Settings, progress: Progress) -> CorpusAtHand:
    """Have the corpus on disk, and in memory all that is needed of it."""
    dataset = Dataset(
        request.data_path,
        request.remote_url,
        corpus=request.corpus,
        settings=settings,
        progress=progress,
    )
    with dataset.exclusively():
        loaded = dataset.load(
            split_at=request.dataset_load_split_at,
            normalize=request.dataset_load_normalize,
            force=request.dataset_force,
        )
        loso = request.evaluation == "loso"
        if loso or request.split == "speaker":
            with within("corpus"):
                require_speakers(loaded.utterances)
        with within("remote_url"):
            names = hold_out(loaded.utterances, request.split, request.random_state)
            folds = dict(speaker_folds(loaded.utterances)) if loso else {}
        return CorpusAtHand(
            dataset=dataset,
            name=dataset.prepare().corpus.name,
            source=dataset.download(),
            loaded=loaded,
            held_out={u.name: dataset.read(u) for u in loaded.utterances if u.name in names},
            folds=folds,
        )


class Answers(NamedTuple):
    """The true codes of some utterances, and probabilities of shape (utterances, classes)."""

    truth: list[str]
    probabilities: NDArray[np.float32]


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
        evaluated = {"metrics": self._judge([self._answer(model, self.corpus.held_out)])}
        folds = {}
        for done, (speaker, names) in enumerate(self.corpus.folds.items(), start=1):
            folds[speaker] = self._answer(self.compose(self.fit(names)), names)
            report(done / len(self.corpus.folds))
        if folds:
            uars = {speaker: self._judge([fold])["uar"] for speaker, fold in folds.items()}
            evaluated["loso"] = {**self._judge(folds.values()), "per_speaker": uars}
        report(1.0)
        return evaluated

    def _answer(self, model: bytes, names: Collection[str]) -> Answers:
        """What ``model`` says of the utterances called ``names``."""
        loaded, judge = self.corpus.loaded, Model(model)
        chosen = [
            (utterance, signal)
            for utterance, signal in zip(loaded.utterances, loaded.signals, strict=True)
            if utterance.name in names
        ]
        rows = [judge.predict(signal, metadata_of(utterance)) for utterance, signal in chosen]
        return Answers([utterance.code for utterance, _ in chosen], np.stack(rows))

    def _judge(self, answers: Iterable[Answers]) -> dict[str, Any]:
        """The metrics of all ``answers`` together."""
        truths, rows = zip(*answers, strict=True)
        truth = [code for codes in truths for code in codes]
        return metrics(self.corpus.loaded.labels, truth, np.concatenate(rows))


def describe(
    request: TrainRequest, corpus: CorpusAtHand, fitted: FittedClassifier
) -> dict[str, Any]:
    """Return what the manifest keeps beside the answer: what the model came from."""
    loaded = corpus.loaded
    return {
        "request": msgspec.to_builtins(request)
        | {"remote_url": without_secrets(request.remote_url)},
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
            found[library] = version(library)
    return found


def publish(
    uri: str, model: bytes, samples: dict[str, bytes], manifest: dict[str, Any]
) -> tuple[str, list[str]]:
    """Publish ``model`` and move ``latest`` to it; return its id and what went wrong after it."""
    registry = open_registry(uri)
    model_id = new_model_id()
    files = {"model.onnx": model} | {f"samples/{name}": data for name, data in samples.items()}
    with within("model_save_path"):
        registry.publish(model_id, files, manifest)
    try:
        registry.move(LATEST, model_id, forward_only=True)
    except SerError as error:
        # The model is there; that its caller did not learn its id would be the greater loss.
        return model_id, [f"alias {LATEST} was not moved: {error.detail}"]
    return model_id, []
