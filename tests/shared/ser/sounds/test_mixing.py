"""Channels that cancel each other are heard; others are averaged."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import made
from ser.sounds import SAMPLING_RATE, Signal, read_sound

VOICE = made.signal("03a01Wa.wav").astype(np.float64)
NOISE = np.random.default_rng(0).normal(0, 0.02, (len(VOICE), 4))


def both(channels: NDArray[np.float64], rate: int = SAMPLING_RATE) -> Signal:
    """Return the signal of ``channels`` as an array, after comparing it with that of a file."""
    array = read_sound(channels, rate)
    file = read_sound(made.sound(channels.astype(np.float32), rate, subtype="FLOAT"))
    np.testing.assert_allclose(file, array, atol=1e-6)
    return array


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_channel_and_its_inverse_give_the_channel(rate: int) -> None:
    expected = read_sound(VOICE, rate)
    np.testing.assert_allclose(both(np.stack([VOICE, -VOICE], 1), rate), expected, atol=1e-6)


def test_the_strongest_of_channels_that_nearly_cancel_is_taken() -> None:
    weaker = np.stack([-0.8 * VOICE, VOICE], 1)
    np.testing.assert_allclose(both(weaker), VOICE, atol=1e-6)
    noisy = np.stack([VOICE, -VOICE], 1) + NOISE[:, :2]
    assert np.corrcoef(both(noisy), VOICE)[0, 1] > 0.9
    pairs = np.stack([VOICE, -VOICE, VOICE, -VOICE], 1)
    np.testing.assert_allclose(both(pairs), VOICE, atol=1e-6)


def test_an_offset_hides_no_cancellation() -> None:
    np.testing.assert_allclose(both(np.stack([VOICE, -VOICE], 1) + 0.3), VOICE + 0.3, atol=1e-6)


@pytest.mark.parametrize(
    "channels",
    [
        np.stack([VOICE, VOICE], 1),
        np.stack([VOICE, 0 * VOICE], 1),
        np.stack([VOICE, -0.2 * VOICE], 1),
        np.stack([VOICE, np.roll(VOICE, 8)], 1),
        NOISE,
        0 * NOISE,
    ],
    ids=["equal", "one silent", "crosstalk", "delayed", "independent", "silent"],
)
def test_channels_that_do_not_cancel_are_averaged(channels: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(both(channels), channels.mean(axis=1), atol=1e-6)


def test_the_rule_looks_at_the_whole_sound() -> None:
    """Three seconds of equal channels outweigh one of inverse channels, across all blocks."""
    second = np.tile(VOICE, 20)
    sign = np.where(np.arange(len(second)) < len(second) / 4, -1, 1)
    channels = np.stack([second, sign * second], 1)
    np.testing.assert_allclose(both(channels), channels.mean(axis=1), atol=1e-6)
