"""Pitch and what depends on it: voicing, harmonics-to-noise ratio, levels of harmonics.

The autocorrelation of each frame comes from its power spectrum and is divided by that of the
window (Boersma, Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound, IFA Proceedings 17, 1993). Where a path through all
frames would be searched there, the pitch is here looked for twice: freely, and then near the
median of what was found, so that no octave is taken for another.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from spox import Var

from ser.frontends import _spectrum as spectrum
from ser.frontends.functionals._array import ROWS, Array, Named, concat, constant
from ser.frontends.functionals._descriptors import LOWEST_FREQUENCY, SILENCE, STRIDE, decibels
from ser.frontends.functionals._statistics import percentiles
from ser.sounds import SAMPLING_RATE

WINDOW = spectrum.hann(spectrum.samples(0.040))
FFT_LENGTH = 1024
FREQUENCIES = np.fft.rfftfreq(FFT_LENGTH, 1 / SAMPLING_RATE)
HIGHEST_FREQUENCY = 4000.0
BINS = slice(*np.searchsorted(FREQUENCIES, (LOWEST_FREQUENCY, HIGHEST_FREQUENCY)).tolist())

LOWEST_PITCH, HIGHEST_PITCH = 60.0, 500.0
LAGS = np.arange(int(SAMPLING_RATE / HIGHEST_PITCH), int(SAMPLING_RATE / LOWEST_PITCH) + 1)
SEMITONES_FROM = 27.5
"""The pitch of 0 semitones in Hz, the lowest A of a piano."""

RISE = 0.02
"""Autocorrelation that a candidate may lack per octave that it is higher."""
DISTANCE = 0.2
"""Autocorrelation that a candidate an octave from the median pitch must have more."""
HIGHEST_STRENGTH = 0.9999
"""Beyond it single precision no longer tells harmonics from noise: 40 dB."""


class Periodicity(NamedTuple):
    contours: Named
    voiced: Array
    """The mask of the active frames that have a pitch."""


def periodicity(chunks: Var, active: Array, threshold: float) -> Periodicity:
    """Return pitch in semitones, voicing (the autocorrelation at the pitch, 0 to 1), HNR in dB,
    the level of the first harmonic over that of the second and the third in dB."""
    power = Array(
        spectrum.power_spectrum(chunks, WINDOW, stride=STRIDE, fft_length=FFT_LENGTH, bins=BINS)
    )
    power = power / power.sum(ROWS).at_least(SILENCE)
    similarity = autocorrelation(power)
    candidates = peaks(similarity)
    octaves = constant(np.log2(SAMPLING_RATE / LAGS), ROWS)
    scores = candidates + octaves * RISE
    freely = scores.highest_row()
    plain = active * (candidates.pick_row(freely) > threshold)
    away = octaves - percentiles(pitch_at(similarity, freely), plain, (0.5,))
    chosen = (scores - away * away * DISTANCE).highest_row()
    strength = candidates.pick_row(chosen).at_least(0.0).at_most(HIGHEST_STRENGTH)
    pitch = pitch_at(similarity, chosen)
    contours = Named(
        ("pitch", "voicing", "hnr", "h1_h2", "h1_h3"),
        concat(
            [
                (pitch - math.log2(SEMITONES_FROM)) * 12.0,
                strength,
                decibels(strength / (1.0 - strength), dynamic_range=30),
                *harmonic_differences(power, pitch),
            ]
        ),
    )
    return Periodicity(contours, active * (strength > threshold))


def autocorrelation(power: Array) -> Array:
    """Return it at each of :data:`LAGS` and at one more on either side; 1 at lag 0."""
    lags = np.arange(LAGS[0] - 1, LAGS[-1] + 2)
    bins = np.arange(len(FREQUENCIES))[BINS]
    window = np.correlate(WINDOW, WINDOW, mode="full")[len(WINDOW) - 1 :]
    waves = np.cos(2 * np.pi / FFT_LENGTH * np.outer(lags, bins))
    return power.project(waves * (window[0] / window[lags])[:, None])


def peaks(similarity: Array) -> Array:
    """Return the values at :data:`LAGS` that exceed both neighbours, and -1 instead of others."""
    before, at, after = (similarity.rows(start, start + len(LAGS)) for start in (0, 1, 2))
    return at.where((at > before) * (at > after), -1.0)


def pitch_at(similarity: Array, index: Array) -> Array:
    """Return the pitch at the ``index`` of a lag, in octaves over 1 Hz.

    The peak lies where that of the parabola through the three values around it does.
    """
    before, at, after = (similarity.pick_row(index + float(offset)) for offset in (0, 1, 2))
    curvature = (before - at * 2.0 + after).at_most(-1e-6)
    offset = ((before - after) / curvature * 0.5).at_least(-0.5).at_most(0.5)
    lag = index + offset + float(LAGS[0])
    return math.log2(SAMPLING_RATE) - lag.log() * (1 / math.log(2))


def harmonic_differences(power: Array, pitch: Array) -> list[Array]:
    first = (pitch * math.log(2)).exp() * float(1 / FREQUENCIES[1])
    levels = [
        decibels(power.pick_row((first * harmonic).round() - BINS.start), dynamic_range=50)
        for harmonic in (1.0, 2.0, 3.0)
    ]
    return [levels[0] - level for level in levels[1:]]
