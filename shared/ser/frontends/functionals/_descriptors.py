"""Low-level descriptors of the spectrum of each frame, as contours over time.

Power is relative to the loudest frame of the chunk, so the descriptors are independent of the level
of a recording. Frequencies below :data:`LOWEST_FREQUENCY` are ignored, since they contain hum and
offset.

Sources: Peeters, A large set of audio features, IRCAM, 2004 (the shape of the spectrum); Eyben et
al., The Geneva minimalistic acoustic parameter set, IEEE Trans. Affective Computing 7(2), 2016
(its balance).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import spox.opset.ai.onnx.v17 as op
from numpy.typing import NDArray
from spox import Var

from ser._spectra import FoldedFrames
from ser.frontends import _spectrum as spectrum
from ser.frontends.functionals._array import FRAMES, ROWS, Array, Named, concat
from ser.sounds import SAMPLING_RATE

STRIDE = spectrum.samples(0.010)
FRAME_SECONDS = STRIDE / SAMPLING_RATE
WINDOW = spectrum.hann(spectrum.samples(0.032))
LOWEST_FREQUENCY = 60.0
FREQUENCIES = np.fft.rfftfreq(len(WINDOW), 1 / SAMPLING_RATE)
"""Frequencies of all bins of the transform in Hz."""
BINS = slice(int(np.searchsorted(FREQUENCIES, LOWEST_FREQUENCY)), None)
"""Bins from :data:`LOWEST_FREQUENCY` upwards."""

SILENCE = 1e-12
"""Minimum power of a frame; a lower power counts as silence."""
DYNAMIC_RANGE = 60.0
"""Maximum distance of a level from the loudest frame in dB."""
LARGEST_RANGE = 300.0
"""Range in dB within which powers differ; lower ones are as low as the end of the range."""
ROLL_OFFS = (0.25, 0.75)
SLOPES = ((0, 500), (500, 1500), (1500, 4000))


def relative_power(frames: FoldedFrames) -> Array:
    """Return the power of each frame at each frequency of ``FREQUENCIES[BINS]``."""
    power = Array(spectrum.power_spectrum(frames, WINDOW, fft_length=len(WINDOW), bins=BINS))
    return power / power.sum(ROWS).max(FRAMES).at_least(SILENCE)


def decibels(power: Array, dynamic_range: float = DYNAMIC_RANGE) -> Array:
    """Return ``power`` in dB, at least ``-dynamic_range``."""
    return power.at_least(10 ** (-dynamic_range / 10)).log() * (10 / math.log(10))


def mel_levels(power: Array, bands: int) -> Array:
    """Return the level of the mean power in each of ``bands`` mel bands, in dB."""
    filters = spectrum.mel_filters(bands, len(WINDOW), low=LOWEST_FREQUENCY)[:, BINS]
    return decibels(power.project(filters / filters.max(axis=1, keepdims=True)))


def cepstra(levels: Array, coefficients: int, bands: int) -> Named:
    """Return the mel-frequency cepstral coefficients of ``levels``."""
    values = levels.project(spectrum.cosine_transform(coefficients, bands))
    return Named(tuple(f"mfcc{index}" for index in range(coefficients)), values)


def energy(total: Array) -> Named:
    """Return the level of each frame in dB relative to the loudest one; ``total`` is its power."""
    return Named(("energy",), decibels(total))


def spectral_shape(power: Array, total: Array, levels: Array) -> Named:
    """Return centroid, bandwidth and roll-offs in Hz, flatness in dB, and flux.

    ``total`` is the sum of ``power`` in each frame; ``levels`` are those of ``power`` in dB.
    """
    total = total.at_least(SILENCE)
    share = power / total
    frequencies = FREQUENCIES[None, BINS]
    centroid = share.project(frequencies)
    bandwidth = (share.project(frequencies**2) - centroid * centroid).at_least(0.0).sqrt()
    cumulated = share.cumulative_sum(ROWS)
    roll_offs = [
        (cumulated < part).sum(ROWS) * float(FREQUENCIES[1]) + float(FREQUENCIES[BINS][0])
        for part in ROLL_OFFS
    ]
    share_levels = (levels - decibels(total, LARGEST_RANGE)).at_least(-100.0)
    flatness = share_levels.mean(ROWS) - decibels(share.mean(ROWS))
    amplitude = share.sqrt()
    change = amplitude - amplitude.shift(1)
    flux = (change * change).sum(ROWS).sqrt()
    names = [f"roll_off{part:.0%}".rstrip("%") for part in ROLL_OFFS]
    return Named(
        ("centroid", "bandwidth", *names, "flatness", "flux"),
        concat([centroid, bandwidth, *roll_offs, flatness, flux]),
    )


def spectral_balance(power: Array, levels: Array) -> Named:
    """Return alpha ratio and Hammarberg index in dB, and slopes of the spectrum in dB per kHz.

    ``levels`` are those of ``power`` in dB.
    The alpha ratio compares 50 to 1000 Hz with 1000 to 5000 Hz; the Hammarberg index compares the
    peaks below 2000 Hz and from 2000 to 5000 Hz.
    """
    levels = levels.at_least(-80.0)
    low, high = (
        decibels(power.project(band_mask(*band)[None]), dynamic_range=80)
        for band in ((50, 1000), (1000, 5000))
    )
    edges = np.searchsorted(FREQUENCIES[BINS], (0, 2000, 5000))
    peak, high_peak = (levels.rows(*edge).max(ROWS) for edge in pairwise(edges.tolist()))
    slopes = levels.project(np.stack([slope_weights(*band) for band in SLOPES]))
    return Named(
        ("alpha_ratio", "hammarberg_index", *(f"slope{start}" for start, _ in SLOPES)),
        concat([low - high, peak - high_peak, slopes]),
    )


def band_mask(low: float, high: float) -> NDArray[np.float64]:
    """Return 1 for frequencies from ``low`` to below ``high`` Hz, 0 for others; shape (bins,)."""
    return ((low <= FREQUENCIES[BINS]) & (FREQUENCIES[BINS] < high)).astype(np.float64)


def slope_weights(low: float, high: float) -> NDArray[np.float64]:
    """Return weights whose product with levels is their slope per kHz in a band, shape (bins,)."""
    inside = band_mask(low, high)
    kilohertz = FREQUENCIES[BINS] / 1000
    away = inside * (kilohertz - kilohertz[inside > 0].mean())
    return np.asarray(away / np.square(away).sum())


def zero_crossings(chunks: Var) -> Named:
    """Return the share of the samples of each frame at which the sign changes."""
    sign = Array(op.unsqueeze(chunks, op.const(np.array([ROWS])))) < 0.0
    change = (sign - sign.shift(1)).abs()
    average = np.full((1, len(WINDOW)), 1 / len(WINDOW))
    return Named(("zero_crossings",), change.correlate(average, stride=STRIDE))
