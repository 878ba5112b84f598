"""Sounds: files in any usual container, and arrays, read as the signals that models take."""

from __future__ import annotations

from ser.sounds._containers import SUFFIXES
from ser.sounds._files import file_sampling_rate
from ser.sounds._reading import SoundLike, is_one_sound, read_sound
from ser.sounds._signals import MAX_PEAK, MIN_SECONDS, SAMPLING_RATE, Signal
from ser.sounds.speech import (
    NO_SPEECH,
    SHORTEST_SPEECH,
    SPEECH_FRAME,
    SPEECH_LEVEL,
    contains_speech,
    require_sound,
    require_speech,
)

__all__ = [
    "MAX_PEAK",
    "MIN_SECONDS",
    "NO_SPEECH",
    "SAMPLING_RATE",
    "SHORTEST_SPEECH",
    "SPEECH_FRAME",
    "SPEECH_LEVEL",
    "SUFFIXES",
    "Signal",
    "SoundLike",
    "contains_speech",
    "file_sampling_rate",
    "is_one_sound",
    "read_sound",
    "require_sound",
    "require_speech",
]
