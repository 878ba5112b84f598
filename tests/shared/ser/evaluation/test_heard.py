"""The beginnings of utterances that are heard."""

from __future__ import annotations

import numpy as np
import pytest

import made
from ser.evaluation._heard import HEARD
from ser.sounds import SAMPLING_RATE, SPEECH_FRAME

SPEECH = np.tile(made.signal("03a01Wa.wav"), 4)[: 2 * SAMPLING_RATE]
RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(("name", "seconds"), [("0.5 s", 0.5), ("1 s", 1), ("2 s", 2), ("3 s", 2)])
@pytest.mark.parametrize("silence", [0, SAMPLING_RATE])
def test_a_sound_is_heard_from_the_beginning_of_its_speech(
    name: str, seconds: float, silence: int
) -> None:
    sound = np.concatenate([np.zeros(silence, np.float32), SPEECH])
    heard = HEARD[name](sound, RANDOM)
    # The detector may miss the first frames of a voice that begins softly.
    missed = next(n for n in range(len(SPEECH)) if np.array_equal(SPEECH[n:][:100], heard[:100]))
    assert missed < 4 * SPEECH_FRAME
    assert len(heard) == min(seconds * SAMPLING_RATE, len(SPEECH) - missed)


def test_a_sound_without_speech_is_heard_from_its_beginning() -> None:
    silence = np.arange(SAMPLING_RATE, dtype=np.float32) * 1e-9
    np.testing.assert_array_equal(HEARD["0.5 s"](silence, RANDOM), silence[: SAMPLING_RATE // 2])
