"""Synthetic speakers: each has a voice, habits, and an own way with every emotion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ser.corpora.synthesis._emotions import EMOTIONS, VARIATION, Manner
from ser.corpora.synthesis._prosody import articulate, voice_in
from ser.corpora.synthesis._voice import Array, joined, speak, spectra, tilt

PITCH = {"male": 115.0, "female": 205.0}
"""Fundamental frequency of neutral speech in Hz."""
PITCH_SPREAD = 2.0
"""Standard deviation of it between speakers in semitones."""
TRACT = {"male": 1.0, "female": 1.16}
"""Frequency of the resonances, relative to a tract of 17.5 cm."""
TRACT_SPREAD = 0.05
"""Standard deviation of it between speakers, relative."""

HABIT, READING, CHANCE = 0.8, 0.5, 0.7
"""Shares of the variation that are a speaker's own, their own with one emotion, and nobody's."""
STRENGTH = (0.6, 1.4)
"""Between these lies how strongly an utterance expresses its emotion: weak ones are confused."""

LEVEL = -28.0
"""Of the louder half of a neutral utterance, in dB below full scale."""
ROOM = -58.0
"""Of the noise in the room before it is dulled, in dB below full scale."""
ROOM_TILT = 12.0
"""Loss of that noise at 3 kHz in dB."""
CEILING = 0.9
"""Highest peak allowed; a louder recording is turned down."""


@dataclass(frozen=True)
class Speaker:
    """A voice and its ways."""

    pitch: float
    tract: float
    habit: Array
    """What distinguishes the speaker's every manner: its values."""
    readings: dict[str, Array]
    """What the speaker adds to each emotion of the table."""

    @classmethod
    def draw(cls, gender: str, rng: np.random.Generator) -> Speaker:
        """Return some speaker of ``gender``, ``male`` or ``female``."""
        return cls(
            pitch=PITCH[gender] * 2 ** (PITCH_SPREAD * rng.standard_normal() / 12),
            tract=TRACT[gender] * (1 + TRACT_SPREAD * rng.standard_normal()),
            habit=scatter(HABIT, rng),
            readings={emotion: scatter(READING, rng) for emotion in EMOTIONS},
        )

    def say(self, text: str, emotion: str, rng: np.random.Generator) -> Array:
        """Return a recording of ``text`` said with ``emotion``: shape (samples,), float64, -1..1.

        Raises
        ------
        KeyError
            No such text in ``TEXTS``, or no such emotion in ``EMOTIONS``.
        """
        strength = rng.uniform(*STRENGTH)
        emotional = strength * (EMOTIONS[emotion] + self.readings[emotion])
        manner = Manner(*(self.habit + emotional + scatter(CHANCE, rng)))
        articulation = articulate(text, self.pitch, manner, rng)
        return recorded(speak(articulation, voice_in(manner, self.tract), rng), manner, rng)


def scatter(share: float, rng: np.random.Generator) -> Array:
    return share * rng.normal(scale=VARIATION)


def recorded(speech: Array, manner: Manner, rng: np.random.Generator) -> Array:
    """Return ``speech`` as loud as ``manner`` asks, in a room that is not quite silent."""
    power = np.sort(speech**2)[len(speech) // 2 :].mean()
    speech = speech * 10 ** ((LEVEL + manner.loudness) / 20) / np.sqrt(power)
    room = joined(spectra(rng.standard_normal(len(speech))) * tilt(ROOM_TILT))
    recording = speech + 10 ** (ROOM / 20) * room
    return recording / max(1.0, float(np.abs(recording).max()) / CEILING)
