"""Sounds in and out: any format libsndfile reads, as the mono signal that models take."""

from __future__ import annotations

from ser.sounds._audio import (
    MAX_PEAK,
    MIN_SECONDS,
    SAMPLING_RATE,
    SPEECH_FRAME,
    SPEECH_LEVEL,
    SUFFIXES,
    Signal,
    decode,
    holds_speech,
    require_speech,
)

__all__ = [
    "MAX_PEAK",
    "MIN_SECONDS",
    "SAMPLING_RATE",
    "SPEECH_FRAME",
    "SPEECH_LEVEL",
    "SUFFIXES",
    "Signal",
    "decode",
    "holds_speech",
    "require_speech",
]
