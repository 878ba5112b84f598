"""Small corpora of a synthetic voice whose pitch depends on the emotion, with names as in EmoDB."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

SPEAKERS = ("03", "08", "09", "10")
CODES = "AEFLNTW"


def names(
    speakers: Iterable[str] = SPEAKERS, codes: str = CODES, versions: str = "ab"
) -> list[str]:
    """Return names of utterances, one for each speaker, emotion and version."""
    return [f"{s}a01{code}{v}.wav" for s in speakers for code in codes for v in versions]


def signal(name: str, sampling_rate: int = 16_000) -> NDArray[np.float32]:
    """Return two to four syllables of a synthetic voice, 0.4 to 0.8 s, float32 of shape (samples,).

    The pitch depends on the emotion and on the speaker, the second formant on the emotion.
    """
    random = np.random.default_rng(list(name.encode()))
    seconds = random.uniform(0.4, 0.8)
    time = np.arange(int(seconds * sampling_rate)) / sampling_rate
    base = 110 + 20 * CODES.index(name[5]) + 5 * SPEAKERS.index(name[:2])
    syllables = np.pi * 5 * time + random.uniform(0.2, 0.6)
    pitch = base * 2 ** (0.2 * np.sin(0.8 * syllables) - 0.4 * time)
    # Two formants that move between vowels.
    second = 1000 + 120 * CODES.index(name[5])
    formants = 500 + 250 * np.sin(1.1 * syllables), second + 300 * np.cos(0.9 * syllables)
    phase = 2 * np.pi * np.cumsum(pitch) / sampling_rate
    voice = np.zeros(len(time))
    for number in range(1, 21):
        frequency = number * pitch
        resonance = sum(np.exp(-(((frequency - each) / 250) ** 2)) for each in formants)
        voice += (resonance + 0.05) / np.sqrt(number) * np.sin(number * phase)
    voice *= np.abs(np.sin(syllables)) ** 1.5
    noisy = voice + random.normal(0, 0.005, len(time))
    return np.asarray(0.1 * noisy, dtype=np.float32)


def tone(name: str) -> NDArray[np.float32]:
    """Return a harmonic tone of 0.3 to 0.6 s with noise, float32 of shape (samples,)."""
    random = np.random.default_rng(list(name.encode()))
    seconds = random.uniform(0.3, 0.6)
    time = np.arange(int(seconds * 16_000)) / 16_000
    pitch = 110 + 60 * CODES.index(name[5]) + 5 * SPEAKERS.index(name[:2])
    harmonics = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 9))
    return np.asarray(0.1 * (harmonics + random.normal(0, 0.2, len(time))), dtype=np.float32)


def sound(
    samples: NDArray[np.float32],
    sampling_rate: int = 16_000,
    *,
    container: str = "WAV",
    subtype: str | None = None,
) -> bytes:
    """Return a file with ``samples``, of shape (samples,) or (samples, channels)."""
    file = io.BytesIO()
    soundfile.write(file, samples, sampling_rate, format=container, subtype=subtype)
    return file.getvalue()


def archive(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip archive of ``files`` to ``path``."""
    with zipfile.ZipFile(path, "w") as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return path


def corpus(path: Path, utterances: Iterable[str] | None = None) -> Path:
    """Write the archive of a corpus of ``utterances`` (default: 56) to ``path``."""
    chosen = names() if utterances is None else utterances
    return archive(path, {f"wav/{name}": sound(signal(name)) for name in chosen})
