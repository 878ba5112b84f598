"""Degradations of sounds, to test models under the conditions of real recordings.

Each is a function of a signal, float32 of shape (samples,) at 16 kHz, and a random generator. It
returns the degraded signal, float32 of the same length give or take a sample.
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
        # At 16 kHz libsndfile counts from 160 kbit/s at 0 down to 8 kbit/s at 1.
        "compression_level": (160 - 64) / (160 - 8),
    }
)
"""Format of a file with a constant 64 kbit/s."""
TELEPHONE_RATE = 8_000
"""Sampling rate of a telephone line in Hz."""
TELEPHONE_BAND = (300, 3400)
"""Frequencies that a telephone line transmits, in Hz (ITU-T G.712)."""

Degradation = Callable[[Signal, np.random.Generator], Signal]


def amplified(signal: Signal, random: np.random.Generator, *, gain: float) -> Signal:
    """Return ``signal`` in 16 bits and ``gain`` dB louder, clipped at full scale."""
    del random
    louder = signal * np.float32(10 ** (gain / 20))
    return recorded(louder, SAMPLING_RATE, format="WAV", subtype="PCM_16")


def mp3(signal: Signal, random: np.random.Generator) -> Signal:
    """Return ``signal`` after compression to MP3 with a constant 64 kbit/s."""
    del random
    return recorded(signal, SAMPLING_RATE, **MP3)


def telephone(signal: Signal, random: np.random.Generator) -> Signal:
    """Return ``signal`` through a telephone: 300 to 3400 Hz at 8 kHz, in µ-law (ITU-T G.711)."""
    import soxr
    from scipy.signal import butter, sosfilt

    del random
    filters = butter(4, TELEPHONE_BAND, "bandpass", fs=TELEPHONE_RATE, output="sos")
    narrow = sosfilt(filters, soxr.resample(signal, SAMPLING_RATE, TELEPHONE_RATE))
    received = recorded(narrow, TELEPHONE_RATE, format="WAV", subtype="ULAW")
    return np.asarray(soxr.resample(received, TELEPHONE_RATE, SAMPLING_RATE))


def noisy(signal: Signal, random: np.random.Generator, *, snr: float) -> Signal:
    """Return ``signal`` plus white noise, ``snr`` dB below its RMS over the whole utterance."""
    noise = random.normal(0, 10 ** (-snr / 20) * signal.std(), len(signal))
    return (signal + noise).astype(np.float32)


DEGRADATIONS: Mapping[str, Degradation] = MappingProxyType(
    {
        "gain +12 dB": partial(amplified, gain=12.0),
        "gain -12 dB": partial(amplified, gain=-12.0),
        "MP3 64 kbit/s": mp3,
        "telephone band": telephone,
        "white noise 20 dB": partial(noisy, snr=20.0),
    }
)
"""All degradations by their name in reports."""


def recorded(signal: Signal, sampling_rate: int, **kind: Any) -> Signal:
    """Return ``signal`` written to a file in a ``kind`` of libsndfile's formats and read again."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, signal, sampling_rate, **kind)
    file.seek(0)
    restored: Signal = soundfile.read(file, dtype="float32")[0]
    return restored
