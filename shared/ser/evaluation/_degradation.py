"""Degradations of sounds, which test models under the conditions of real recordings.

A degradation is a function of a signal, float32 of shape (samples,) at 16 kHz, and a random
generator. It returns the degraded signal, float32, whose length may differ by one sample.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from ser.sounds import SAMPLING_RATE, Signal

MP3: Mapping[str, Any] = MappingProxyType(
    {
        "format": "MP3",
        "subtype": "MPEG_LAYER_III",
        "bitrate_mode": "CONSTANT",
        # At 16 kHz, libsndfile maps 0 to 160 kbit/s and 1 to 8 kbit/s.
        "compression_level": (160 - 64) / (160 - 8),
    }
)
"""File format of an MP3 with a constant 64 kbit/s."""
TELEPHONE_RATE = 8_000
"""Sampling rate of a telephone line in Hz."""
TELEPHONE_BAND = (300, 3400)
"""Frequencies that a telephone line transmits, in Hz (ITU-T G.712)."""

Degradation = Callable[[Signal, np.random.Generator], Signal]


def amplify(signal: Signal, random: np.random.Generator, *, gain: float) -> Signal:
    """Return ``signal``, ``gain`` dB louder, with 16 bits and clipped at full scale."""
    del random
    louder = signal * np.float32(10 ** (gain / 20))
    return write_and_read(louder, SAMPLING_RATE, format="WAV", subtype="PCM_16")


def compress(signal: Signal, random: np.random.Generator) -> Signal:
    """Return ``signal`` after compression to MP3 with a constant 64 kbit/s."""
    del random
    return write_and_read(signal, SAMPLING_RATE, **MP3)


def transmit(signal: Signal, random: np.random.Generator) -> Signal:
    """Return ``signal`` after a telephone line: 300 to 3400 Hz, 8 kHz, µ-law (ITU-T G.711)."""
    import soxr
    from scipy.signal import butter, sosfilt

    del random
    filters = butter(4, TELEPHONE_BAND, "bandpass", fs=TELEPHONE_RATE, output="sos")
    narrow = sosfilt(filters, soxr.resample(signal, SAMPLING_RATE, TELEPHONE_RATE))
    received = write_and_read(narrow, TELEPHONE_RATE, format="WAV", subtype="ULAW")
    return np.asarray(soxr.resample(received, TELEPHONE_RATE, SAMPLING_RATE))


def add_noise(signal: Signal, random: np.random.Generator, *, snr: float) -> Signal:
    """Return ``signal`` plus white noise, ``snr`` dB below its RMS over the whole utterance."""
    noise = random.normal(0, 10 ** (-snr / 20) * signal.std(), len(signal))
    return (signal + noise).astype(np.float32)


DEGRADATIONS: Mapping[str, Degradation] = MappingProxyType(
    {
        "gain +12 dB": partial(amplify, gain=12.0),
        "gain -12 dB": partial(amplify, gain=-12.0),
        "MP3 64 kbit/s": compress,
        "telephone band": transmit,
        "white noise 20 dB": partial(add_noise, snr=20.0),
    }
)
"""All degradations by the name in reports."""


def write_and_read(signal: Signal, sampling_rate: int, **file_format: Any) -> Signal:
    """Return ``signal`` after writing it to a file in a format of libsndfile, and reading it."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, signal, sampling_rate, **file_format)
    file.seek(0)
    restored: Signal = soundfile.read(file, dtype="float32")[0]
    return restored
