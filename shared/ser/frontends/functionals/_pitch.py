"""Pitch, voicing, harmonics-to-noise ratio and levels of harmonics.

The autocorrelation of each frame is computed from its power spectrum and divided by that of the
window (Boersma, Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound, IFA Proceedings 17, 1993). Instead of a search for
the best path through all frames, there are two passes, which avoid octave errors: the second one
favours candidates near the median pitch of the first.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from spox import Var

from ser._spectra import FoldedFrames
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
"""Frequency of 0 semitones in Hz: the lowest A of a piano."""

OCTAVE_ADVANTAGE = 0.02
"""Advantage in autocorrelation of a candidate over one that is an octave lower."""
MEDIAN_PENALTY = 0.2
"""Penalty in autocorrelation of a candidate one octave from the median pitch."""
HIGHEST_STRENGTH = 0.9999
"""Upper bound of the autocorrelation, which is a harmonics-to-noise ratio of 40 dB."""


class Periodicity(NamedTuple):
    """Contours that depend on the pitch, and the frames in which they are defined."""

    contours: Named
    voiced: Array
    """Mask of the active frames with a pitch."""


def folded_frames(chunks: Var) -> FoldedFrames:
    """Return the frames of ``chunks``, from which all spectra are computed."""
    return spectrum.centred_frames(chunks, len(WINDOW), stride=STRIDE, fft_length=FFT_LENGTH)


def periodicity(frames: FoldedFrames, active: Array, threshold: float) -> Periodicity:
    """Return the contours pitch, voicing, hnr, h1_h2 and h1_h3, and the voiced frames.

    The pitch is in semitones; voicing is the autocorrelation at the pitch, 0 to 1; the
    harmonics-to-noise ratio and the level of the first harmonic relative to the second and the
    third are in dB. An active frame is voiced if its voicing exceeds ``threshold``.
    """
    power = Array(spectrum.power_spectrum(frames, WINDOW, fft_length=FFT_LENGTH, bins=BINS))
    power = power / power.sum(ROWS).at_least(SILENCE)
    similarity = autocorrelation(power)
    candidates = peaks(similarity)
    octaves = constant(np.log2(SAMPLING_RATE / LAGS), ROWS)
    scores = candidates + octaves * OCTAVE_ADVANTAGE
    initial = scores.highest_row()
    reliable = active * (candidates.pick_row(initial) > threshold)
    away = octaves - percentiles(pitch_at(similarity, initial), reliable, (0.5,))
    chosen = (scores - away * away * MEDIAN_PENALTY).highest_row()
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
    """Return the autocorrelation at :data:`LAGS` and at one more lag on either side.

    The autocorrelation at lag 0 is 1.
    """
    lags = np.arange(LAGS[0] - 1, LAGS[-1] + 2)
    bins = np.arange(len(FREQUENCIES))[BINS]
    window = np.correlate(WINDOW, WINDOW, mode="full")[len(WINDOW) - 1 :]
    waves = np.cos(2 * np.pi / FFT_LENGTH * np.outer(lags, bins))
    return power.project(waves * (window[0] / window[lags])[:, None])


def peaks(similarity: Array) -> Array:
    """Return the values at :data:`LAGS`, with -1 in place of values that are not local maxima."""
    before, at, after = (similarity.rows(start, start + len(LAGS)) for start in (0, 1, 2))
    return at.above(before.at_least(after), -1.0)


def pitch_at(similarity: Array, index: Array) -> Array:
    """Return the pitch at the ``index`` of a lag, in octaves above 1 Hz.

    The lag is refined by a parabola through the three values around it.
    """
    before, at, after = (similarity.pick_row(index + float(offset)) for offset in (0, 1, 2))
    curvature = (before - at * 2.0 + after).at_most(-1e-6)
    offset = ((before - after) / curvature * 0.5).at_least(-0.5).at_most(0.5)
    lag = index + offset + float(LAGS[0])
    return math.log2(SAMPLING_RATE) - lag.log() * (1 / math.log(2))


def harmonic_differences(power: Array, pitch: Array) -> list[Array]:
    """Return the level of the first harmonic minus that of the second, and of the third, in dB."""
    first = (pitch * math.log(2)).exp() * float(1 / FREQUENCIES[1])
    levels = [
        decibels(power.pick_row((first * harmonic).round() - BINS.start), dynamic_range=50)
        for harmonic in (1.0, 2.0, 3.0)
    ]
    return [levels[0] - level for level in levels[1:]]
