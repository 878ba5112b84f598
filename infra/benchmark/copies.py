"""The recordings of a corpus as files, and perturbed copies of them with further speakers."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import soundfile

from benchmark.workplace import Workplace
from ser.corpora import Utterance, open_sources
from ser.dataset import load_corpus
from ser.sounds import SAMPLING_RATE, Signal

SEED = 42
NOISE = 1e-3
"""Level of the noise in a copy, relative to the recording: 60 dB below it."""
LARGEST_GAIN = 0.9
"""Factor of the level of a copy, at most; the least is 0.5. No copy is clipped."""
TABLE = "labels.csv"


class Speech(NamedTuple):
    """The recordings of a corpus."""

    utterances: tuple[Utterance, ...]
    signals: tuple[Signal, ...]
    emotions: dict[str, str]
    """English word by code."""

    @classmethod
    def of(cls, place: Workplace) -> Speech:
        """Return the recordings of the corpus of a benchmark."""
        sources = open_sources(str(place.archive), place.folder / "recordings")
        with sources.exclusively():
            loaded = load_corpus(sources, split_at=None)
            signals = tuple(np.array(signal) for signal in loaded.signals)
        emotions = {label.code: label.emotion or label.name for label in loaded.labels}
        return cls(tuple(loaded.utterances), signals, emotions)

    @property
    def hours(self) -> float:
        """Duration of all recordings."""
        return sum(map(len, self.signals)) / SAMPLING_RATE / 3600

    def write(self, folder: Path, times: int = 1) -> Path:
        """Write the recordings and their copies to ``folder``, and return the table with labels.

        The first of ``times`` versions are the recordings themselves. Each copy has speakers of its
        own, another level and weak noise, so that it is not recognised as the same sound. It is the
        same whenever it is written.
        """
        folder.mkdir(parents=True)
        rows = [*self._write_versions(folder, times)]
        with (folder / TABLE).open("w", newline="") as file:
            csv.writer(file).writerows([("file", "emotion", "speaker"), *rows])
        codes = {f"{index:04}-0.wav": u.code for index, u in enumerate(self.utterances)}
        (folder / "labels.json").write_bytes(msgspec.json.encode(codes))
        return folder / TABLE

    def _write_versions(self, folder: Path, times: int) -> Iterator[tuple[str, str, str]]:
        for version in range(times):
            random = np.random.default_rng((SEED, version))
            for index, (utterance, signal) in enumerate(
                zip(self.utterances, self.signals, strict=True)
            ):
                name = f"{index:04}-{version}.wav"
                written = perturbed(signal, random) if version else signal
                soundfile.write(folder / name, written, SAMPLING_RATE, subtype="PCM_16")
                yield name, self.emotions[utterance.code], f"{utterance.speaker}-{version}"


def perturbed(signal: Signal, random: np.random.Generator) -> Signal:
    """Return ``signal`` at another level, with weak noise."""
    noise = random.standard_normal(len(signal), np.float32) * (NOISE * signal.std())
    copy: Signal = np.float32(random.uniform(0.5, LARGEST_GAIN)) * (signal + noise)
    return copy
