"""A voice: a glottis that makes sound, and a vocal tract that shapes it.

The source is the KLGLOTT88 pulse of Klatt & Klatt (1990), "Analysis, synthesis, and perception of
voice quality variations among female and male talkers", J. Acoust. Soc. Am. 87: a polynomial flow
with an open quotient, a spectral tilt, noise of breath, and a diplophonia that weakens and shifts
every other pulse. The tract is the cascade of resonators of Klatt (1980), "Software for a
cascade/parallel formant synthesizer", J. Acoust. Soc. Am. 67, applied to short overlapping frames
in the frequency domain, where formants move without a click.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser.sounds import SAMPLING_RATE

Array = NDArray[np.float64]
Spectra = NDArray[np.complex128]

HOP = 128
"""Samples from one frame to the next."""
FRAME_RATE = SAMPLING_RATE / HOP
"""Frames in a second."""
FFT = 7 * HOP
"""Samples of a filtered frame: its two hops, one hop before them, and four hops after them.

Filters without phase respond a little early, and resonances decay for 30 ms.
"""

FREQUENCIES = np.fft.rfftfreq(FFT, 1 / SAMPLING_RATE)
DELAY = np.exp(-2j * np.pi * FREQUENCIES / SAMPLING_RATE)
WINDOW = np.hanning(2 * HOP + 1)[:-1]

BREATH_TILT = 6.0
"""Attenuation of breath noise at 3 kHz in dB."""
BANDWIDTHS = (70.0, 90.0, 140.0)
"""Bandwidths of the three variable formants in Hz."""
UPPER_FORMANTS = (
    (3500.0, 220.0),
    (4500.0, 300.0),
    (5500.0, 380.0),
    (6500.0, 460.0),
    (7500.0, 540.0),
)
"""Frequencies and bandwidths of the constant formants in Hz: a tube of 17.5 cm has one in every
kHz."""


@dataclass(frozen=True, kw_only=True)
class Articulation:
    """Movements of lips, tongue and glottis over time: arrays of shape (frames,), float64."""

    pitch: Array
    """Fundamental frequency in Hz, in unvoiced frames too."""
    voicing: Array
    """Amplitude of the voice."""
    formants: Array
    """The three lowest resonances of a tract of 17.5 cm in Hz, shape (frames, 3)."""
    frication: Array
    """Amplitude of the noise at a constriction."""
    frication_frequency: Array
    """Centre of that noise in Hz."""
    frication_bandwidth: Array
    """Its standard deviation in Hz."""


@dataclass(frozen=True, kw_only=True)
class Voice:
    """Anatomy and setting of a larynx and a tract, constant over an utterance."""

    tract: float
    """Frequency of the resonances, relative to a tract of 17.5 cm."""
    open_quotient: float
    """Share of a period during which the glottis is open: small when tense, large when breathy."""
    tilt: float
    """Attenuation of the voice at 3 kHz in dB, by a glottis that closes softly."""
    aspiration: float
    """Amplitude of breath noise."""
    damping: float
    """Factor on the bandwidths of the variable formants."""
    jitter: float
    """Standard deviation of the period, relative to its mean."""
    shimmer: float
    """Standard deviation of the amplitude of pulses, relative to its mean."""
    creak: float
    """Degree to which every other pulse is weakened and shifted, 0..1."""


def speak(articulation: Articulation, voice: Voice, rng: np.random.Generator) -> Array:
    """Return the sound of ``articulation``: shape (HOP * (frames - 1),), float64.

    Its level is arbitrary.
    """
    pitch, voicing, frication = (
        per_sample(track)
        for track in (articulation.pitch, articulation.voicing, articulation.frication)
    )
    flow = glottal_flow(pitch, voice, rng)
    # Lips radiate the derivative of the flow. Division by the pitch gives all pitches one level.
    pulses = voicing * np.diff(flow, prepend=0.0) * SAMPLING_RATE / pitch
    # Breath is loudest while the glottis is open.
    breath = voicing * (0.2 + flow) * voice.aspiration * rng.standard_normal(len(flow))
    noise = frication * rng.standard_normal(len(flow))
    glottis = spectra(pulses) * low_pass(voice.tilt) + spectra(breath) * low_pass(BREATH_TILT)
    return overlap_add(
        glottis * resonances(articulation.formants, voice)
        + spectra(noise) * constriction(articulation, voice)
    )


def per_sample(track: Array) -> Array:
    """Return ``track``, a value per frame, interpolated to a value per sample."""
    frames = np.arange(len(track))
    return np.interp(np.arange(HOP * (len(track) - 1)) / HOP, frames, track)


def glottal_flow(pitch: Array, voice: Voice, rng: np.random.Generator) -> Array:
    """Return the flow through a glottis that opens ``pitch`` (Hz, per sample) times a second.

    Shape (samples,), float64, 0 while closed, 1 at the height of an undisturbed pulse.
    """
    # The undisturbed pitch gives the cycle of each sample accurately enough to look up its jitter.
    steady = np.cumsum(pitch) / SAMPLING_RATE
    cycles = int(steady[-1]) + 1
    odd = np.arange(cycles) % 2
    shift = voice.jitter * rng.standard_normal(cycles) + 0.1 * voice.creak * (2 * odd - 1)
    height = 1 + voice.shimmer * rng.standard_normal(cycles) - 0.6 * voice.creak * odd
    phase = np.cumsum(pitch * (1 + shift[steady.astype(int)])) / SAMPLING_RATE
    opening = np.minimum(phase % 1 / voice.open_quotient, 1.0)
    flow: Array = height.take(phase.astype(int), mode="clip") * 27 / 4 * (opening**2 - opening**3)
    return flow


def low_pass(decibels: float) -> Array:
    """Return the gain of a low-pass of first order that loses ``decibels`` at 3 kHz."""
    gain: Array = (1 + (10 ** (decibels / 10) - 1) * (FREQUENCIES / 3000) ** 2) ** -0.5
    return gain


def resonances(formants: Array, voice: Voice) -> Spectra:
    """Return the response of the tract, shape (frames, frequencies)."""
    response = np.ones((1, len(FREQUENCIES)), complex)
    for frequency, bandwidth in UPPER_FORMANTS:
        if frequency * voice.tract < SAMPLING_RATE / 2:
            response = response * resonance(np.array([frequency * voice.tract]), bandwidth)
    for frequencies, bandwidth in zip(formants.T, BANDWIDTHS, strict=True):
        response = response * resonance(frequencies * voice.tract, bandwidth * voice.damping)
    return response


def resonance(frequency: Array, bandwidth: float) -> Spectra:
    """Return the response of Klatt's resonator, 1 at 0 Hz, shape (frames, frequencies)."""
    radius = np.exp(-np.pi * bandwidth / SAMPLING_RATE)
    b = 2 * radius * np.cos(2 * np.pi * frequency[:, None] / SAMPLING_RATE)
    c = -(radius**2)
    response: Spectra = (1 - b - c) / (1 - b * DELAY - c * DELAY**2)
    return response


def constriction(articulation: Articulation, voice: Voice) -> Array:
    """Return the gain of the constriction that makes frication, shape (frames, frequencies)."""
    centre = articulation.frication_frequency[:, None] * voice.tract
    gain: Array = np.exp(
        -0.5 * ((FREQUENCIES - centre) / articulation.frication_bandwidth[:, None]) ** 2
    )
    return gain


def spectra(signal: Array) -> Spectra:
    """Return the spectra of the overlapping frames of ``signal``, shape (frames, frequencies)."""
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(signal, HOP), 2 * HOP)[::HOP]
    return np.fft.rfft(np.pad(frames * WINDOW, ((0, 0), (HOP, 0))), FFT)


def overlap_add(filtered: Spectra) -> Array:
    """Return the signal whose overlapping frames have the spectra ``filtered``."""
    frames = np.fft.irfft(filtered, FFT).reshape(len(filtered), -1, HOP)
    hops = np.zeros((len(frames) + frames.shape[1] - 1, HOP))
    for part in range(frames.shape[1]):
        hops[part : part + len(frames)] += frames[:, part]
    # The first frame begins two hops before the first sample, on which it is centred.
    return hops[2 : len(frames) + 1].ravel()
