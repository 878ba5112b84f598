"""Detection of speech: the frames in which a voice speaks.

A score of each frame of 25 ms adds up its spectrum, its periodicity, and their changes over the
last 25 to 200 ms, with the weights of :mod:`ser.sounds._speech_weights`. The mean score of the
active frames within 0.8 s decides, because changes at the rate of syllables distinguish speech from
music, noise and tones (Scheirer and Slaney, Construction and evaluation of a robust multifeature
speech/music discriminator, ICASSP 1997). The frequencies above 1900 Hz only count in sum, so
that speech by telephone is detected too. The graph of every model does the same computation
(:mod:`ser._speech_graph`).
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput
from ser.sounds._signals import SAMPLING_RATE, Signal
from ser.sounds._speech_weights import CONSTANT, WEIGHTS

__all__ = [
    "CONSTANT",
    "WEIGHTS",
    "contains_speech",
    "describe",
    "kernels",
    "quantities",
    "require_sound",
    "require_speech",
    "speech_frames",
]

Floats = NDArray[np.float32]

SPEECH_LEVEL = -70.0
"""Level in dBFS below which a frame is silent."""
SPEECH_FRAME = SAMPLING_RATE // 40
"""Length of a frame in samples (25 ms); frames do not overlap."""
FRAME_SECONDS = SPEECH_FRAME / SAMPLING_RATE
SHORTEST_SPEECH = 0.5
"""Duration of speech in seconds below which a prediction is uncertain."""

NO_SPEECH = "the sound contains no speech; allowed: a sound in which a voice speaks"
"""Reason for refusing a sound where speech is required."""

DECIMATION = 4
"""Ratio of the sampling rate to that of the analysed low frequencies."""
LOW_STRIDE = SPEECH_FRAME // DECIMATION
LOW_WINDOW = 160
"""Length of the analysis window at the lower rate: 40 ms, centred on the frame."""
LOW_PADDING = (LOW_WINDOW - LOW_STRIDE) // 2
FILTER_LENGTH = 48
FILTER_PADDING = (FILTER_LENGTH - DECIMATION) // 2
"""Zeros before and after a signal, so that the filter is centred on each group of samples."""
FFT_LENGTH = 256
LOWEST, HIGHEST = 70.0, 1900.0
"""Analysed frequencies in Hz."""
LOWEST_PITCH, HIGHEST_PITCH = 70.0, 700.0
PITCHES, BANDS = 56, 8
LAGS = (1, 2, 4, 8)
"""Distances in frames over which changes are measured."""
PERIODICITIES = (0.5, 0.7, 0.85, 0.95)
"""Thresholds of the periodicity, each with a weight of its own."""
VOICED = 0.6
"""Minimum periodicity of two successive frames whose pitch is compared."""
STEADY, GLIDE, JUMP = 0.01, 0.3, 0.2
"""Changes of pitch in octaves: at most of a steady tone, highest counted, and at least of a jump
between notes."""
ACTIVE_RANGE = 30.0
"""Maximum distance in dB between an active frame and the loudest one within :data:`REACH`."""
LEVEL_RANGE = 40.0
"""Maximum distance in dB from that frame that changes the score."""
REACH, HALF_WINDOW = 64, 32
"""Frames on either side that are searched for the loudest frame; that are averaged."""
THRESHOLD = 0.1
"""Average score above which a voice speaks."""
PRIOR = 8.0
"""Number of frames without evidence that is added to each average, so that a click decides
nothing."""
POWER_FLOOR, SHARE_FLOOR, BAND_FLOOR = 1e-10, 1e-6, 1e-5
DECIBELS = 10 / np.log(10)


class Kernels(NamedTuple):
    """The linear parts of the analysis."""

    low_pass: Floats
    """Impulse response before the decimation, shape (taps,)."""
    transform: Floats
    """Real and imaginary parts of the Fourier transform, shape (2 * bins, window)."""
    periodicity: Floats
    """Power to autocorrelation at each pitch, shape (pitches, bins)."""
    pitches: Floats
    """The pitches in octaves above 1 Hz, shape (pitches,)."""
    bands: Floats
    """Power to mean power in mel bands, shape (bands, bins)."""
    reference: float
    """Total power of a frame of noise with a variance of 1."""


@cache
def kernels() -> Kernels:
    """Return the linear parts of the analysis, computed once."""
    rate = SAMPLING_RATE / DECIMATION
    time = np.arange(FILTER_LENGTH) - (FILTER_LENGTH - 1) / 2
    low_pass = np.sinc(2 * time * HIGHEST / SAMPLING_RATE) * np.hamming(FILTER_LENGTH)
    window = np.hanning(LOW_WINDOW + 2)[1:-1]
    frequencies = np.fft.rfftfreq(FFT_LENGTH, 1 / rate)
    bins = np.flatnonzero((frequencies >= LOWEST) & (frequencies <= HIGHEST))
    angles = 2 * np.pi / FFT_LENGTH * np.outer(bins, np.arange(LOW_WINDOW))
    transform = np.concatenate([window * np.cos(angles), window * np.sin(angles)])
    # Without its mean, a kernel gives exactly 0 for a constant offset (DC).
    transform -= transform.mean(axis=1, keepdims=True)
    pitches = np.geomspace(LOWEST_PITCH, HIGHEST_PITCH, PITCHES)
    lags = rate / pitches
    envelope = np.correlate(window, window, "full")[LOW_WINDOW - 1 :]
    decay = np.interp(lags, np.arange(LOW_WINDOW), envelope / envelope[0])
    periodicity = np.cos(2 * np.pi / FFT_LENGTH * np.outer(lags, bins)) / decay[:, None]
    return Kernels(
        low_pass=(low_pass / low_pass.sum()).astype(np.float32),
        transform=transform.astype(np.float32),
        periodicity=periodicity.astype(np.float32),
        pitches=np.log2(pitches).astype(np.float32),
        bands=mel_bands(frequencies[bins]).astype(np.float32),
        reference=float(np.square(window).sum() * FFT_LENGTH / 2),
    )


def mel_bands(frequencies: NDArray[Any]) -> NDArray[Any]:
    """Return triangular bands of unit sum, shape (bands, frequencies)."""

    def mel(hertz: Any) -> Any:
        return np.log(1 + hertz / 700)

    edges = np.linspace(mel(90), mel(1880), BANDS + 2)
    width, position = edges[1] - edges[0], mel(frequencies)
    up, down = (position - edges[:-2, None]) / width, (edges[2:, None] - position) / width
    triangles = np.maximum(0, np.minimum(up, down))
    return np.asarray(triangles / triangles.sum(axis=1, keepdims=True))


def speech_frames(signal: Signal) -> NDArray[np.bool_]:
    """Return whether each frame of ``signal``, shape (samples,), belongs to speech.

    The last frame is padded with silence; shape (frames,).
    """
    levels, contours, pitch = describe(signal)
    loudest = moving_maximum(levels, REACH)
    active = active_frames(levels, loudest)
    measured = quantities(levels - loudest, contours, pitch)
    score = active * (measured @ WEIGHTS + CONSTANT)
    count = moving_sum(active, HALF_WINDOW)
    average = moving_sum(score, HALF_WINDOW) / (count + PRIOR)
    decided = moving_maximum(np.where(active, average, -np.inf), HALF_WINDOW)
    return np.asarray(active & (decided > THRESHOLD))


def active_frames(levels: Floats, loudest: Floats) -> NDArray[np.bool_]:
    """Return whether each frame is loud enough to be speech, given the loudest level around."""
    return np.asarray((levels > SPEECH_LEVEL) & (levels > loudest - ACTIVE_RANGE))


def describe(signal: Signal) -> tuple[Floats, Floats, Floats]:
    """Return the levels of the frames, their contours, and their pitches.

    Levels are in dBFS; contours, of shape (frames, 3 + bands), are the level of the frequencies
    above :data:`HIGHEST`, the periodicity, the flatness and the levels of the bands; pitches are in
    octaves.
    """
    low_pass, transform, periodicity, pitches, bands, reference = kernels()
    frames = np.pad(np.asarray(signal, np.float32), (0, -len(signal) % SPEECH_FRAME))
    blocks = frames.reshape(-1, SPEECH_FRAME)
    centred = blocks - blocks.mean(axis=1, keepdims=True)
    levels = DECIBELS * np.log(np.square(centred).mean(axis=1) + POWER_FLOOR)
    around = sliding(np.pad(frames, FILTER_PADDING), FILTER_LENGTH, DECIMATION)
    low = np.pad(around @ low_pass, LOW_PADDING)
    spectrum = np.ascontiguousarray(sliding(low, LOW_WINDOW, LOW_STRIDE)) @ transform.T
    real, imaginary = np.split(np.square(spectrum), 2, axis=1)
    power = real + imaginary
    total = power.sum(axis=1, keepdims=True) + reference * 1e-12
    share = power / total
    below = DECIBELS * np.log(total[:, 0] / reference + POWER_FLOOR)
    similarity = share @ periodicity.T
    contours = [
        np.clip(levels - below, 0, LEVEL_RANGE)[:, None],
        similarity.max(axis=1, keepdims=True),
        DECIBELS * np.log(share + SHARE_FLOOR).mean(axis=1, keepdims=True),
        DECIBELS * np.log(share @ bands.T + BAND_FLOOR),
    ]
    joined = np.concatenate(contours, axis=1, dtype=np.float32)
    return levels.astype(np.float32), joined, pitches[similarity.argmax(axis=1)]


def quantities(levels: Floats, contours: Floats, pitch: Floats) -> Floats:
    """Return the quantities of each frame that have weights, shape (frames, weights)."""
    described = np.column_stack([np.maximum(levels, -LEVEL_RANGE), contours])
    periodicity = contours[:, 1]
    voiced = periodicity > VOICED
    both = voiced & delay(voiced, 1)
    change = np.abs(pitch - delay(pitch, 1))
    return np.column_stack(
        [
            described,
            np.square(described),
            *(np.abs(described - delay(described, lag)) for lag in LAGS),
            *(periodicity > threshold for threshold in PERIODICITIES),
            both,
            both * np.minimum(change, GLIDE),
            both & (change < STEADY),
            both & (change > JUMP),
        ]
    ).astype(np.float32)


def delay(values: NDArray[Any], frames: int) -> NDArray[Any]:
    """Return ``values`` delayed by ``frames``; copies of the first value precede them."""
    padding = [(frames, 0)] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, padding, mode="edge")[: len(values)]


def sliding(values: Floats, length: int, stride: int) -> Floats:
    """Return the windows of ``values``, shape (windows, length), without a copy."""
    return np.lib.stride_tricks.sliding_window_view(values, length)[::stride]


def moving_sum(values: NDArray[Any], reach: int) -> NDArray[Any]:
    """Return the sum of up to ``reach`` values on either side of each value, and of itself."""
    return np.convolve(np.pad(values.astype(np.float64), reach), np.ones(2 * reach + 1), "valid")


def moving_maximum(values: NDArray[Any], reach: int) -> NDArray[Any]:
    """Return the maximum of up to ``reach`` values on either side of each value, and of itself."""
    padded = np.pad(values, reach, constant_values=-np.inf)
    return np.asarray(sliding(padded, 2 * reach + 1, 1).max(axis=1))


def contains_speech(signal: Signal) -> bool:
    """Return whether any frame of ``signal``, shape (samples,), belongs to speech."""
    return bool(speech_frames(signal).any())


def require_speech(signal: Signal) -> Signal:
    """Return ``signal``; raise :class:`InvalidInput` if it contains no speech."""
    require_sound(signal)
    if not contains_speech(signal):
        raise InvalidInput(NO_SPEECH)
    return signal


def require_sound(signal: Signal) -> Signal:
    """Return ``signal``; raise :class:`InvalidInput` if all of it is silent.

    A constant offset (DC) is silent.
    """
    frames = np.pad(signal, (0, -len(signal) % SPEECH_FRAME)).reshape(-1, SPEECH_FRAME)
    if not frames.var(axis=1, dtype=np.float64).max() > 10 ** (SPEECH_LEVEL / 10):
        raise InvalidInput(
            f"the sound is silent: none of its frames of {1000 * SPEECH_FRAME // SAMPLING_RATE} ms "
            f"is louder than {SPEECH_LEVEL:g} dBFS"
        )
    return signal
