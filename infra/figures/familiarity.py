"""The AUROC of the familiarity: sounds of speakers left out against sounds of another kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ser
from ser.sounds import SAMPLING_RATE, Signal

MODELS = 5
"""Number of models, each of which leaves out a random speaker."""
OF_EACH_CORPUS = 100
"""Number of sounds of each other corpus."""
OF_EACH_KIND = 20
"""Number of sounds of noise, of music and of tones."""


def of_familiarity(
    corpus: Path, others: Mapping[str, Path], folder: Path, recipe: Mapping[str, Any]
) -> dict[str, float]:
    """Return the AUROCs of models of ``corpus``, by the name of their row.

    The result is empty if the models have no familiarity.

    Parameters
    ----------
    others
        Folders with the sounds of other corpora, by name.
    folder
        The folder that keeps the corpus, its features and the models.
    """
    random = np.random.default_rng(0)
    foreign = [file for each in others.values() for file in drawn(each, random)]
    kinds: dict[str, Sequence[Path | Signal]] = {
        "other corpora": foreign,
        "noise, music, tones": [*artificial(random)],
    }
    found: dict[str, list[float]] = {kind: [] for kind, sounds in kinds.items() if sounds}
    for seed in range(MODELS):
        own, model = trained(corpus, folder, recipe, seed)
        familiar = familiarities(model, own)
        if familiar is None:
            return {}
        for kind in found:
            strange = familiarities(model, kinds[kind])
            assert strange is not None
            found[kind].append(area(familiar, strange))
    return {f"AUROC of familiarity, {kind}": float(np.mean(areas)) for kind, areas in found.items()}


def trained(
    corpus: Path, folder: Path, recipe: Mapping[str, Any], seed: int
) -> tuple[list[Path], ser.Model]:
    """Return the sounds of a speaker left out, and a model of all other speakers."""
    registry = folder / "models"
    # The seed selects the speaker.
    answer = ser.train(
        corpus,
        registry,
        data_path=folder / "emodb",
        **{**recipe, "split": "speaker", "random_state": seed},
    )
    samples = registry / answer["model_id"] / "samples"
    model = ser.load_model(answer["model_id"], registry=registry)
    return [samples / name for name in answer["test_samples"]], model


def familiarities(model: ser.Model, sounds: Sequence[Path | Signal]) -> list[float] | None:
    """Return the familiarity of each of ``sounds``; ``None`` if the model has none."""
    found = []
    for sound in sounds:
        rate = None if isinstance(sound, Path) else SAMPLING_RATE
        value = model.predict(sound, rate).familiarity
        if value is None:
            return None
        found.append(value)
    return found


def area(familiar: Sequence[float], strange: Sequence[float]) -> float:
    """Return the AUROC: how often a familiar sound has the higher value than a strange one."""
    from sklearn.metrics import roc_auc_score

    truth = [1] * len(familiar) + [0] * len(strange)
    return float(roc_auc_score(truth, [*familiar, *strange]))


def drawn(folder: Path, random: np.random.Generator) -> list[Path]:
    """Return some of the sounds below ``folder``."""
    files = sorted(file for file in folder.rglob("*") if file.suffix in (".wav", ".flac"))
    chosen = random.permutation(len(files))[:OF_EACH_CORPUS]
    return [files[index] for index in chosen]


def artificial(random: np.random.Generator) -> Iterator[Signal]:
    """Yield noise (white and pink), music (chords that decay) and tones, 3 s each."""
    time = np.arange(3 * SAMPLING_RATE) / SAMPLING_RATE
    for _ in range(OF_EACH_KIND):
        white = random.normal(size=len(time))
        spectrum = np.fft.rfft(white)
        pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), len(time))
        yield scaled(white if random.integers(2) else pink)
        yield scaled(sum(chord(time, start, random) for start in np.arange(0, 3, 0.5)))
        yield scaled(np.sin(2 * np.pi * random.uniform(100, 4000) * time))


def chord(time: NDArray[Any], start: float, random: np.random.Generator) -> NDArray[Any]:
    """Return a major triad of six harmonics each, from ``start`` on, in seconds."""
    root = 110 * 2 ** (random.integers(24) / 12)
    since = np.maximum(0, time - start)
    waves = [
        np.sin(2 * np.pi * root * interval * harmonic * since) / harmonic
        for interval in (1, 5 / 4, 3 / 2)
        for harmonic in range(1, 7)
    ]
    return np.asarray(sum(waves) * np.exp(-3 * since) * (time >= start))


def scaled(signal: Any) -> Signal:
    """Return ``signal`` with a peak of 0.5, float32."""
    return np.asarray(0.5 * signal / np.abs(signal).max(), np.float32)
