"""Recorded sounds: corpora of speech in several conditions, and music and effects in folders."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from detector.generated import Array, Random, coloured
from ser.errors import SerError
from ser.sounds import SAMPLING_RATE, SUFFIXES, Signal, read_sound

EXCERPT = 5.0
"""Duration of an excerpt from music in seconds."""


def utterances(archive: Path, most: int | None = None) -> Iterator[Signal]:
    """Yield the sounds in a zip archive, or ``most`` of them at equal distances.

    Sounds that cannot be read are passed over.
    """
    with zipfile.ZipFile(archive) as zipped:
        names = sorted(n for n in zipped.namelist() if Path(n).suffix.lower() in SUFFIXES)
        step = 1 if most is None else max(1, len(names) // most)
        for name in names[::step][:most]:
            with suppress(SerError):
                yield read_sound(zipped.read(name))


def excerpts(folder: Path, each: int) -> Iterator[Signal]:
    """Yield up to ``each`` excerpts of every sound below ``folder`` that is not silent."""
    for file in sorted(folder.resolve().rglob("*")):
        if file.suffix.lower() not in SUFFIXES or not file.is_file():
            continue
        try:
            signal = read_sound(file)
        except SerError:
            continue
        length = int(EXCERPT * SAMPLING_RATE)
        count = min(each, max(1, len(signal) // length))
        for start in np.linspace(0, max(0, len(signal) - length), count).astype(int):
            excerpt = signal[start : start + length]
            if np.abs(excerpt).max() > 1e-3:
                yield excerpt


def faster(signal: Array, factor: float) -> Array:
    """Return ``signal`` with pitch and formants raised by ``factor``, as of a child."""
    import soxr

    return np.asarray(soxr.resample(signal, factor * SAMPLING_RATE, SAMPLING_RATE))


def telephone(signal: Array, random: Random) -> Array:
    """Return ``signal`` after a line of 8 kHz with random band edges, in µ-law."""
    import soundfile
    import soxr
    from scipy.signal import butter, sosfilt

    band = random.uniform(150, 400), random.uniform(3000, 3700)
    filters = butter(4, band, "bandpass", fs=8000, output="sos")
    full = signal / np.abs(signal).max()
    file = io.BytesIO()
    narrow = sosfilt(filters, soxr.resample(full, SAMPLING_RATE, 8000))
    soundfile.write(file, narrow, 8000, format="WAV", subtype="ULAW")
    return read_sound(file.getvalue())


def in_noise(signal: Array, snr: float, slope: float, random: Random) -> Array:
    noise = coloured(len(signal), slope, random)
    return np.asarray(signal + 10 ** (-snr / 20) * signal.std() * noise)


def quiet(signal: Array, random: Random) -> Array:
    """Return ``signal`` with a peak of -45 dBFS, in noise of -90 dBFS."""
    noise = 10 ** (-90 / 20) * random.normal(size=len(signal))
    return np.asarray(signal / np.abs(signal).max() * 10 ** (-45 / 20) + noise)


CONDITIONS: dict[str, Callable[[Array, Random], Array]] = {
    "as recorded": lambda signal, _: signal,
    "child-like": lambda signal, random: faster(signal, random.uniform(1.25, 1.5)),
    "telephone": telephone,
    "noise 10 dB": lambda signal, random: in_noise(signal, 10, 1, random),
    "quiet": quiet,
}


def varied(signal: Array, random: Random) -> Array:
    """Return a copy of ``signal`` in a random condition, for the fit."""
    if random.random() < 0.4:
        signal = faster(signal, random.uniform(0.85, 1.5))
    if random.random() < 0.25:
        signal = telephone(signal, random)
    if random.random() < 0.4:
        signal = in_noise(signal, random.uniform(8, 30), random.uniform(0, 2), random)
    signal = signal / np.abs(signal).max() * 10 ** (-random.uniform(0, 45) / 20)
    return signal + 10 ** (-random.uniform(80, 95) / 20) * random.normal(size=len(signal))


def shortened(signal: Array, random: Random) -> Array:
    """Return 0.5 to 1.2 s of ``signal``."""
    length = int(random.uniform(0.5, 1.2) * SAMPLING_RATE)
    start = int(random.integers(0, max(1, len(signal) - length)))
    return signal[start : start + length]
