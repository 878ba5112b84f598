"""Sounds in and out: any format libsndfile reads, as the mono signal that models take."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput, TooLarge

SAMPLING_RATE = 16_000
"""Sampling rate of every model's input in Hz."""
MIN_SECONDS = 0.1
"""Shorter sounds hold not even a syllable."""
SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
"""Endings of the files in a corpus that are taken for sounds."""

Signal = NDArray[np.float32]


def decode(data: bytes, *, max_seconds: float) -> Signal:
    """Return the sound in ``data`` as a signal of shape (samples,), float32, mono, 16 kHz.

    Channels are averaged; other sampling rates are resampled by soxr at its high quality.

    Raises
    ------
    InvalidInput
        Not a sound, empty, shorter than :data:`MIN_SECONDS`, with samples that are not finite, or
        silent throughout.
    TooLarge
        Longer than ``max_seconds``.
    """
    signal, sampling_rate = _read(data, max_seconds)
    seconds = len(signal) / sampling_rate
    if seconds < MIN_SECONDS:
        raise InvalidInput(
            f"the sound lasts {1000 * seconds:g} ms; "
            f"allowed: {1000 * MIN_SECONDS:g} ms to {max_seconds:g} s"
        )
    if not (finite := np.isfinite(signal)).all():
        raise InvalidInput(
            f"{np.count_nonzero(~finite)} of {len(signal)} samples are NaN or infinite; "
            "allowed: finite samples"
        )
    if not signal.any():
        raise InvalidInput("the sound is silent: all its samples are 0")
    return resample(signal, sampling_rate)


def _read(data: bytes, max_seconds: float) -> tuple[Signal, int]:
    import soundfile

    if not data:
        raise InvalidInput("the sound is empty: 0 bytes")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            # One frame more than allowed tells a longer sound without decoding all of it.
            frames = int(max_seconds * sound.samplerate) + 1
            channels = sound.read(frames, dtype="float32", always_2d=True)
            sampling_rate = int(sound.samplerate)
    except soundfile.SoundFileError as error:
        raise InvalidInput(
            f"{len(data)} bytes that begin with {data[:8]!r} are no sound that can be read; "
            "allowed: WAV, FLAC, OGG, MP3 and what else libsndfile reads"
        ) from error
    if len(channels) == frames:
        raise TooLarge(
            f"The sound is longer than {max_seconds:g} s, the limit set by SER_MAX_AUDIO_SECONDS."
        )
    return channels.mean(axis=1, dtype=np.float32), sampling_rate


def resample(signal: Signal, sampling_rate: int) -> Signal:
    """Return ``signal`` of ``sampling_rate`` Hz at :data:`SAMPLING_RATE`."""
    if sampling_rate == SAMPLING_RATE:
        return signal
    import soxr

    resampled: Any = soxr.resample(signal, sampling_rate, SAMPLING_RATE)
    return np.asarray(resampled, dtype=np.float32)
