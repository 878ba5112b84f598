"""Beginnings of utterances, which show how recall depends on the duration that a model hears."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from ser.evaluation._degradation import Degradation
from ser.sounds import SAMPLING_RATE, SPEECH_FRAME, Signal
from ser.sounds.speech import speech_frames

DURATIONS = (0.5, 1.0, 2.0, 3.0)
"""Seconds that are heard, from the beginning of the speech."""


def hear(signal: Signal, random: np.random.Generator, *, seconds: float) -> Signal:
    """Return ``seconds`` of ``signal`` from the beginning of its speech, or what there is."""
    del random
    speaking = speech_frames(signal)
    begin = int(speaking.argmax()) * SPEECH_FRAME if speaking.any() else 0
    return signal[begin : begin + round(seconds * SAMPLING_RATE)]


HEARD: Mapping[str, Degradation] = MappingProxyType(
    {f"{seconds:g} s": partial(hear, seconds=seconds) for seconds in DURATIONS}
)
"""All durations by the name in reports."""
