"""Any sound becomes one signal: mono, 16 kHz, float32."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import made
from ser.errors import InvalidInput, TooLarge
from ser.limits import Limit
from ser.sounds import SAMPLING_RATE, read_sound, require_sound


def tone(frequency: float, sampling_rate: int, seconds: float = 1.0) -> NDArray[np.float32]:
    time = np.arange(round(seconds * sampling_rate)) / sampling_rate
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


@pytest.mark.parametrize("sampling_rate", [8_000, 11_025, 16_000, 44_100, 48_000, 96_000])
def test_resampling_keeps_duration_pitch_and_level(sampling_rate: int) -> None:
    signal = read_sound(made.sound(tone(440, sampling_rate), sampling_rate))
    assert signal.dtype == np.float32
    assert len(signal) == pytest.approx(SAMPLING_RATE, abs=2)
    middle = signal[1000:-1000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert spectrum.argmax() * SAMPLING_RATE / len(middle) == pytest.approx(440, abs=2)
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.01)


def test_frequencies_above_half_the_rate_are_removed_without_aliasing() -> None:
    signal = read_sound(made.sound(tone(12_000, 48_000), 48_000))
    assert np.abs(signal[1000:-1000]).max() < 0.001


def test_channels_are_averaged() -> None:
    left, right = tone(300, 16_000), tone(700, 16_000)
    data = made.sound(np.stack([left, right], axis=1), subtype="FLOAT")
    np.testing.assert_allclose(read_sound(data), (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize(("subtype", "step"), [("PCM_U8", 2**-7), ("PCM_16", 2**-15)])
def test_integers_are_scaled_to_the_range_of_one(subtype: str, step: float) -> None:
    signal = tone(300, 16_000)
    np.testing.assert_allclose(read_sound(made.sound(signal, subtype=subtype)), signal, atol=step)


def test_floats_are_read_bit_by_bit() -> None:
    signal = tone(300, 16_000)
    np.testing.assert_array_equal(read_sound(made.sound(signal, subtype="FLOAT")), signal)


def test_the_limit_is_inclusive() -> None:
    assert len(read_sound(made.sound(tone(300, 16_000)), limit=Limit(1.0))) == 16_000
    with pytest.raises(TooLarge, match="longer than 1 s"):
        read_sound(made.sound(tone(300, 16_000, 1.001)), limit=Limit(1.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused_with_their_number(value: float) -> None:
    signal = tone(300, 16_000)
    signal[[5, 6]] = value
    with pytest.raises(InvalidInput, match="2 samples are NaN"):
        read_sound(made.sound(signal, subtype="FLOAT"))


def test_a_truncated_wav_file_is_refused_but_not_one_of_unknown_length() -> None:
    data = made.sound(tone(300, 16_000))
    with pytest.raises(InvalidInput, match="cut off: 6000 of at least 32044 bytes"):
        read_sound(data[:6000])
    assert len(read_sound(data[:-1])) == 15_999
    for unknown in (0, 2**31 - 1, 2**32 - 1):
        piped = data[:4] + unknown.to_bytes(4, "little") + data[8:]
        assert len(read_sound(piped)) == 16_000


def test_a_sound_that_overflows_in_the_resampler_is_refused() -> None:
    signal = np.float32(3.3e38) * np.sign(tone(7_001, 44_100))
    with pytest.raises(InvalidInput, match="full scale"):
        read_sound(made.sound(signal, 44_100, subtype="FLOAT"))


@pytest.mark.parametrize(("level", "silent"), [(-60, False), (-69, False), (-71, True)])
def test_a_sound_is_silent_if_no_frame_is_louder_than_the_threshold(
    level: float, silent: bool
) -> None:
    signal = np.zeros(16_000, np.float32)
    # The RMS of a sine is 3 dB below its peak, here of 0.5.
    signal[6_000:6_800] = 10 ** (level / 20) * np.sqrt(2) * 2 * tone(400, 16_000)[:800]
    if not silent:
        assert require_sound(signal) is signal
    else:
        with pytest.raises(InvalidInput, match="none of its frames of 25 ms is louder than -70"):
            require_sound(signal)


def test_silence_is_a_sound() -> None:
    assert not read_sound(made.sound(np.zeros(16_000, np.float32))).any()


@given(st.binary(max_size=200))
def test_bytes_that_are_not_a_sound_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_sound(data)


SOUND = made.sound(tone(300, 16_000, 0.2), container="FLAC")


@given(st.integers(0, len(SOUND) - 1), st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused(place: int, value: int) -> None:
    data = bytearray(SOUND)
    data[place] = value
    with suppress(InvalidInput, TooLarge):
        assert np.isfinite(read_sound(bytes(data))).all()
