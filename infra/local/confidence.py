"""Familiarity of new speakers, of other corpora and of sounds without speech, in a table.

Each corpus trains the classifier of our recipe, without augmented copies, and is asked about its
own speakers, left out; about all other corpora; and about noise, tones and music, synthesised here.
``METHOD`` names the front-end (default: Functionals).

    python infra/local/confidence.py emodb.zip emovo.zip
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from ser._sessions import open_session
from ser.classifiers import DiscriminantClassifier
from ser.corpora import open_sources
from ser.dataset import ExtractedCorpus, LoadedCorpus, extract, load_corpus, training_rows
from ser.evaluation import fit_classifier, speaker_folds
from ser.sounds import SAMPLING_RATE, Signal

METHOD = os.environ.get("METHOD", "Functionals")
RECIPES = {"Encoder": DiscriminantClassifier(shrinkage=0.5, limit=2.0)}
RARE = 0.05
"""Familiarity below which a sound counts as unlike the training."""
STEP = 5
"""Each corpus that is not trained on is represented by every fifth of its sounds."""

Features = list[NDArray[np.float32]]


def main(archives: list[str]) -> None:
    corpora = {Path(archive).stem: prepared(archive) for archive in archives}
    print(f"{METHOD}: share of own speakers below {RARE}; AUROC of other corpora; of no speech")
    for name, (loaded, extracted) in corpora.items():
        others = [
            features
            for other, (_, found) in corpora.items()
            if other != name
            for features in found.features[::STEP]
        ]
        rows = training_rows(loaded, extracted)
        front_end = open_session(extracted.front_end)
        speechless = [front_end.run(["features"], {"waveform": s})[0] for s in sounds()]
        own, elsewhere, nowhere = [], [], []
        for names in speaker_folds(loaded.utterances).values():
            fitted = fit_classifier(
                RECIPES.get(METHOD, DiscriminantClassifier()), rows.without(names), 42
            )
            graph = fitted.to_onnx().SerializeToString()
            left_out = [
                features
                for utterance, features in zip(loaded.utterances, extracted.features, strict=True)
                if utterance.name in names
            ]
            found = familiarities(graph, left_out)
            own.append(found)
            elsewhere.append(auroc(found, familiarities(graph, others)) if others else np.nan)
            nowhere.append(auroc(found, familiarities(graph, speechless)))
        rare = np.mean(np.concatenate(own) < RARE)
        print(f"{name}: {rare:.3f}  {np.mean(elsewhere):.3f}  {np.mean(nowhere):.4f}", flush=True)


def prepared(archive: str) -> tuple[LoadedCorpus, ExtractedCorpus]:
    """Return the corpus in ``archive`` with its features."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_corpus(open_sources(archive, Path(folder)), split_at=None)
    return loaded, extract(loaded, {METHOD: {}})


def familiarities(graph: bytes, sounds: Features) -> NDArray[np.float32]:
    """Return the familiarity of each sound from its features, shape (chunks, features)."""
    session = open_session(graph)
    return np.array([session.run(["familiarity"], {"features": each})[0] for each in sounds])


def auroc(known: NDArray[np.float32], unknown: NDArray[np.float32]) -> float:
    """Return the probability that a sound of ``known`` is more familiar than one of ``unknown``."""
    truth = np.repeat([1, 0], [len(known), len(unknown)])
    return float(roc_auc_score(truth, np.concatenate([known, unknown])))


def sounds(count: int = 50) -> list[Signal]:
    """Return noise, tones and music, ``count`` of each, of 1 to 4 s."""
    random = np.random.default_rng(5)
    found = []
    for _ in range(count):
        time = np.arange(int(SAMPLING_RATE * random.uniform(1, 4))) / SAMPLING_RATE
        spectrum = np.fft.rfft(random.normal(size=len(time)))
        slope = np.maximum(np.arange(len(spectrum)), 1) ** (random.uniform(0, 2) / 2)
        noise = np.fft.irfft(spectrum / slope, len(time))
        tone = np.sin(2 * np.pi * random.uniform(80, 4000) * time)
        notes = 220 * 2 ** (random.integers(-5, 17, len(time) // 4000 + 1) / 12)
        pitch = np.repeat(notes, 4000)[: len(time)]
        phase = 2 * np.pi * np.cumsum(pitch) / SAMPLING_RATE
        fading = np.exp(-(np.arange(len(time)) % 4000) / 1500)
        music = fading * sum(np.sin(k * phase) / k for k in range(1, 7))
        for sound in (noise, tone, music):
            loud = sound / np.abs(sound).max() * random.uniform(0.05, 0.9)
            found.append(loud.astype(np.float32))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
