"""Sounds: files in any usual container, and arrays, read as the signals that models take."""

from __future__ import annotations

from ser.sounds._containers import SUFFIXES
from ser.sounds._reading import SoundLike, is_one_sound, read_sound
from ser.sounds._signals import MAX_PEAK, MIN_SECONDS, SAMPLING_RATE, Signal
from ser.sounds._speech import SPEECH_FRAME, SPEECH_LEVEL, contains_speech, require_speech

__all__ = [
    "MAX_PEAK",
    "MIN_SECONDS",
    "SAMPLING_RATE",
    "SPEECH_FRAME",
    "SPEECH_LEVEL",
    "SUFFIXES",
    "Signal",
    "SoundLike",
    "contains_speech",
    "is_one_sound",
    "read_sound",
    "require_speech",
]
