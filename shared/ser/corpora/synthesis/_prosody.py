"""Prosody: the articulation of a text in a manner of speaking."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ser.corpora.synthesis._emotions import Manner
from ser.corpora.synthesis._phones import REST, Segment, syllables
from ser.corpora.synthesis._voice import FRAME_RATE, Array, Articulation, Voice

DECLINATION = 3.0
"""Fall of pitch over a neutral utterance in semitones; its level falls by as many dB."""
ACCENT = 4.0
"""Rise of pitch on a stressed syllable of a neutral utterance in semitones."""
STRESS = 2.0
"""Rise of level on a stressed syllable in dB."""
LENGTHENING = 1.2
"""Duration of a stressed syllable, relative to others."""
ENDING = -2.0
"""Movement of pitch at the end of a neutral utterance in semitones."""
TREMOR_RATE = 6.0
"""Rate of a trembling voice in Hz."""


def voice_in(manner: Manner, tract: float) -> Voice:
    """Return the voice of a speaker with the vocal tract ``tract`` in ``manner``.

    Tense and breathy phonation set open quotient, tilt, aspiration and bandwidths together, as in
    the rules of Burkhardt (2009).
    """
    breath = max(manner.breath, 0.0)
    return Voice(
        tract=tract,
        open_quotient=float(np.clip(0.6 - 0.2 * manner.tension + 0.15 * breath, 0.35, 0.9)),
        tilt=float(np.clip(12 - 9 * manner.tension + 6 * breath, 0, 24)),
        aspiration=0.04 + 0.15 * breath,
        damping=1 + 0.5 * breath,
        jitter=0.004 * 10**manner.roughness,
        shimmer=0.03 * 10**manner.roughness,
        creak=float(np.clip(manner.creak, 0, 1)),
    )


def articulate(text: str, pitch: float, manner: Manner, rng: np.random.Generator) -> Articulation:
    """Return the articulation of ``text`` in ``manner`` by a voice of neutral ``pitch`` (Hz)."""
    score = schedule(text, manner.tempo, rng)
    times = np.arange(int(score.ends[-1] * FRAME_RATE)) / FRAME_RATE
    targets = [score.segments[at] for at in np.searchsorted(score.ends, times, side="right")]
    voicing = smooth(np.array([target.voicing for target in targets]), 5)
    progress = np.cumsum(voicing) / voicing.sum()
    emphasis = np.sum([accent(times - peak) for peak in score.accents], axis=0)
    level = (STRESS + manner.stress) * emphasis - DECLINATION * progress
    # A lax speaker also presses less air through constrictions.
    frication = 10 ** (0.25 * manner.tension) * np.array([target.frication for target in targets])
    formants = np.array([target.formants for target in targets])
    formants = REST + (formants - REST) * (1 + manner.precision)
    formants[:, :2] *= 1 + manner.smile
    return Articulation(
        pitch=pitch * 2 ** (melody(times, progress, emphasis, manner, rng) / 12),
        voicing=voicing * 10 ** (level / 20),
        formants=np.stack([smooth(formant, 9) for formant in formants.T], axis=1),
        frication=smooth(frication, 3),
        frication_frequency=np.array([target.frequency for target in targets]),
        frication_bandwidth=np.array([target.bandwidth for target in targets]),
    )


class Score(NamedTuple):
    """The segments of an utterance, their ends in s, and the times of the accents in s."""

    segments: list[Segment]
    ends: list[float]
    accents: list[float]


def schedule(text: str, tempo: float, rng: np.random.Generator) -> Score:
    """Return the score of ``text`` at ``tempo``, with random variation of the syllables."""
    score = Score([], [], [])
    now = 0.0
    for syllable in syllables(text):
        begin = now
        lengthening = LENGTHENING if syllable.stressed else 1.0
        pace = lengthening * 2**-tempo * rng.lognormal(sigma=0.1)
        for segment in syllable.segments:
            now += segment.seconds * pace
            score.segments.append(segment)
            score.ends.append(now)
        if syllable.stressed:
            score.accents.append((begin + now) / 2)
    return score


def melody(
    times: Array, progress: Array, emphasis: Array, manner: Manner, rng: np.random.Generator
) -> Array:
    """Return the pitch in semitones above that of the neutral voice, shape (frames,)."""
    movement = ACCENT * emphasis - DECLINATION * progress
    # Liveliness widens the movement around the same mean over the voiced frames.
    movement -= np.average(movement, weights=np.diff(progress, prepend=0.0))
    ending = (ENDING + manner.ending) * np.clip((progress - 0.85) / 0.15, 0, 1)
    trembling = manner.tremor * np.sin(2 * np.pi * (TREMOR_RATE * times + rng.random()))
    drift = smooth(1.5 * rng.standard_normal(len(times)), 31)
    melody: Array = manner.pitch + 2**manner.liveliness * movement + ending + trembling + drift
    return melody


def accent(times: Array) -> Array:
    """Return a rise to 1 at 0 s and the fall after it, 0.3 s in all."""
    return np.where(np.abs(times) < 0.15, 0.5 + 0.5 * np.cos(np.pi * times / 0.15), 0.0)


def smooth(track: Array, frames: int) -> Array:
    """Return ``track`` averaged over about ``frames`` (an odd number) around each of its frames."""
    window = np.hanning(frames + 2)[1:-1]
    return np.convolve(np.pad(track, frames // 2, "edge"), window / window.sum(), "valid")
