"""Synthetic speakers: each has a voice, habits, and a personal way to express each emotion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ser.corpora.synthesis._emotions import CORRELATES, VARIATION, Manner
from ser.corpora.synthesis._prosody import articulate, voice_in
from ser.corpora.synthesis._voice import Array, low_pass, overlap_add, speak, spectra

PITCH = {"male": 115.0, "female": 205.0}
"""Fundamental frequency of neutral speech in Hz."""
PITCH_SPREAD = 2.0
"""Standard deviation of that frequency between speakers in semitones."""
TRACT = {"male": 1.0, "female": 1.16}
"""Frequency of the resonances, relative to a tract of 17.5 cm."""
TRACT_SPREAD = 0.05
"""Standard deviation of that factor between speakers."""

HABIT, READING, CHANCE = 0.8, 0.5, 0.7
"""Shares of the variation by speaker, by speaker and emotion, and by utterance."""
STRENGTH = (0.6, 1.4)
"""Range of the strength with which utterances express emotions: weak ones are confused."""

LEVEL = -28.0
"""Level of the louder half of a neutral utterance, in dB relative to full scale."""
ROOM = -58.0
"""Level of the room noise before its low-pass filter, in dB relative to full scale."""
ROOM_TILT = 12.0
"""Loss of that noise at 3 kHz in dB."""
CEILING = 0.9
"""Highest allowed peak; louder recordings are attenuated."""


@dataclass(frozen=True)
class Speaker:
    """A synthetic speaker: a voice with its habits."""

    pitch: float
    """Fundamental frequency of neutral speech in Hz."""
    tract: float
    """Frequency of the resonances, relative to a tract of 17.5 cm."""
    habit: Array
    """Deviation of the speaker from others in every manner."""
    readings: dict[str, Array]
    """Deviation of the speaker from others in each emotion of the table."""

    @classmethod
    def draw(cls, gender: str, rng: np.random.Generator) -> Speaker:
        """Return a random speaker of ``gender``, ``male`` or ``female``."""
        return cls(
            pitch=PITCH[gender] * 2 ** (PITCH_SPREAD * rng.standard_normal() / 12),
            tract=TRACT[gender] * (1 + TRACT_SPREAD * rng.standard_normal()),
            habit=draw_variation(HABIT, rng),
            readings={emotion: draw_variation(READING, rng) for emotion in CORRELATES},
        )

    def say(self, text: str, emotion: str, rng: np.random.Generator) -> Array:
        """Return a recording of ``text`` said with ``emotion``: shape (samples,), float64, -1..1.

        Raises
        ------
        KeyError
            ``TEXTS`` does not contain ``text``, or ``CORRELATES`` does not contain ``emotion``.
        """
        strength = rng.uniform(*STRENGTH)
        emotional = strength * (CORRELATES[emotion] + self.readings[emotion])
        manner = Manner(*(self.habit + emotional + draw_variation(CHANCE, rng)))
        articulation = articulate(text, self.pitch, manner, rng)
        return record(speak(articulation, voice_in(manner, self.tract), rng), manner, rng)


def draw_variation(share: float, rng: np.random.Generator) -> Array:
    """Return a random deviation from a manner, ``share`` times the whole variation."""
    return share * rng.normal(scale=VARIATION)


def record(speech: Array, manner: Manner, rng: np.random.Generator) -> Array:
    """Return ``speech`` at the level of ``manner``, in a room with a little noise."""
    power = np.sort(speech**2)[len(speech) // 2 :].mean()
    speech = speech * 10 ** ((LEVEL + manner.loudness) / 20) / np.sqrt(power)
    room = overlap_add(spectra(rng.standard_normal(len(speech))) * low_pass(ROOM_TILT))
    recording = speech + 10 ** (ROOM / 20) * room
    return recording / max(1.0, float(np.abs(recording).max()) / CEILING)
