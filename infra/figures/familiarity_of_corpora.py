"""Familiarity of new speakers, of other corpora and of sounds without speech, in a table.

Each corpus trains the classifier of a preset, without augmented copies, and is asked about its own
speakers, left out; about all other corpora; and about synthesised noise, music and tones.
``PRESET`` names the preset (default: accurate).

    PYTHONPATH=infra python -m figures.familiarity_of_corpora emodb.zip emovo.zip
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from figures.familiarity import area, artificial
from ser._sessions import open_session
from ser.classifiers import ArrayRows, DiscriminantClassifier
from ser.corpora import open_sources
from ser.dataset import ExtractedCorpus, LoadedCorpus, extract, load_corpus, training_rows
from ser.evaluation import fit_classifier, speaker_folds
from ser.training import DEFAULT_PRESET, PRESETS

RARE = 0.05
"""Familiarity below which a sound counts as unlike the training."""
STEP = 5
"""Each corpus that is not trained on is represented by every fifth of its sounds."""

Features = list[NDArray[np.float32]]


def main(archives: list[str]) -> None:
    """Measure and print."""
    preset = os.environ.get("PRESET") or DEFAULT_PRESET
    recipe = PRESETS[preset]
    classifier = DiscriminantClassifier.from_config(recipe["model_config"])
    methods = recipe["dataset_feature_extract_methods"]
    corpora = {Path(archive).stem: prepared(archive, methods) for archive in archives}
    sounds = [*artificial(np.random.default_rng(0))]
    print(f"{preset}: share of own speakers below {RARE}; AUROC of other corpora; of no speech")
    for name, (loaded, extracted) in corpora.items():
        others = [
            features
            for other, (_, found) in corpora.items()
            if other != name
            for features in found.features[::STEP]
        ]
        rows = training_rows(loaded, extracted)
        front_end = open_session(extracted.front_end)
        speechless = [front_end.run(["features"], {"waveform": s})[0] for s in sounds]
        own, elsewhere, nowhere = [], [], []
        for names in speaker_folds(loaded.utterances).values():
            fitted = fit_classifier(classifier, ArrayRows(*rows.without(names)), 42)
            graph = fitted.to_onnx().SerializeToString()
            left_out = [
                features
                for utterance, features in zip(loaded.utterances, extracted.features, strict=True)
                if utterance.name in names
            ]
            found = familiarities(graph, left_out)
            own.append(found)
            elsewhere.append(area(found, familiarities(graph, others)) if others else np.nan)
            nowhere.append(area(found, familiarities(graph, speechless)))
        rare = np.mean(np.concatenate(own) < RARE)
        print(f"{name}: {rare:.3f}  {np.mean(elsewhere):.3f}  {np.mean(nowhere):.4f}", flush=True)


def prepared(archive: str, methods: Mapping[str, Any]) -> tuple[LoadedCorpus, ExtractedCorpus]:
    """Return the corpus in ``archive`` with its features."""
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_corpus(open_sources(archive, Path(folder)), split_at=None)
    return loaded, extract(loaded, methods)


def familiarities(graph: bytes, sounds: Features) -> list[float]:
    """Return the familiarity of each sound from its features, shape (chunks, features)."""
    session = open_session(graph)
    return [float(session.run(["familiarity"], {"features": each})[0]) for each in sounds]


if __name__ == "__main__":
    main(sys.argv[1:])
