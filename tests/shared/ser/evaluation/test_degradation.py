"""Degradations change sounds as their names say."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import made
from ser.evaluation._degradation import DEGRADATIONS, MP3
from ser.sounds import SAMPLING_RATE, Signal

SIGNAL = made.signal("03a01Fa.wav")


def degraded(name: str, signal: Signal, seed: int = 1) -> Signal:
    return DEGRADATIONS[name](signal, np.random.default_rng(seed))


def tone(frequency: float) -> Signal:
    time = np.arange(SAMPLING_RATE) / SAMPLING_RATE
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


@pytest.mark.parametrize("name", DEGRADATIONS)
@given(samples=st.integers(1600, 6000))
def test_a_degraded_sound_keeps_its_duration(name: str, samples: int) -> None:
    result = degraded(name, np.resize(SIGNAL, samples))
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    assert abs(len(result) - samples) <= 1


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_degradation_does_not_change_its_input(name: str) -> None:
    before = SIGNAL.copy()
    assert not np.array_equal(degraded(name, SIGNAL), before)
    np.testing.assert_array_equal(SIGNAL, before)


def test_plus_12_db_multiplies_by_four_and_clips_at_full_scale() -> None:
    result = degraded("gain +12 dB", tone(440))
    assert np.abs(result).max() > 0.999
    np.testing.assert_allclose(result, (10**0.6 * tone(440)).clip(-1, 1), atol=2**-14)


def test_minus_12_db_divides_by_four_and_rounds_to_16_bits() -> None:
    result = degraded("gain -12 dB", SIGNAL)
    np.testing.assert_allclose(result, 10**-0.6 * SIGNAL, atol=2**-15)
    np.testing.assert_array_equal(result * 2**15, np.round(result * 2**15))


def test_a_minute_of_mp3_takes_64_kbit_per_second() -> None:
    file = io.BytesIO()
    minute = np.random.default_rng(1).normal(0, 0.1, 60 * SAMPLING_RATE)
    soundfile.write(file, minute, SAMPLING_RATE, **MP3)
    assert 8 * file.tell() / 60 == pytest.approx(64_000, rel=0.01)


def test_an_mp3_is_close_to_the_sound_and_aligned_with_it() -> None:
    result = degraded("MP3 64 kbit/s", SIGNAL)
    assert np.corrcoef(result, SIGNAL)[0, 1] > 0.99


@pytest.mark.parametrize(
    ("frequency", "passes"), [(100, 0.02), (600, 1), (1000, 1), (3000, 1), (3900, 0.02), (6000, 0)]
)
def test_a_telephone_transmits_300_to_3400_hz(frequency: float, passes: float) -> None:
    asked = tone(frequency)
    result = degraded("telephone band", asked)[2000:-2000]
    assert result.std() / asked.std() == pytest.approx(passes, abs=0.02)


@pytest.mark.parametrize("loudness", [0.02, 0.3, 1.0])
def test_a_telephone_rounds_in_steps_that_grow_with_the_level(loudness: float) -> None:
    # Rounding a chord gives noise between the frequencies of its notes.
    chord = np.float32(loudness / 3) * (tone(443) + tone(1009) + tone(2003))
    result = degraded("telephone band", chord)[: 2 * (SAMPLING_RATE // 2)]
    spectrum = np.abs(np.fft.rfft(result * np.blackman(len(result)))) ** 2
    notes = np.zeros(len(spectrum), bool)
    for note in (443, 1009, 2003):
        notes[note - 20 : note + 21] = True
    snr = 10 * np.log10(spectrum[notes].sum() / spectrum[~notes][100:3800].sum())
    assert 25 < snr < 45


def test_white_noise_is_20_db_below_the_utterance_at_all_frequencies() -> None:
    signal = tone(440)
    noise = degraded("white noise 20 dB", signal).astype(np.float64) - signal
    assert 20 * np.log10(signal.std() / noise.std()) == pytest.approx(20, abs=0.2)
    low, high = np.split(np.abs(np.fft.rfft(noise)[1:]) ** 2, 2)
    assert low.mean() == pytest.approx(high.mean(), rel=0.1)


def test_noise_depends_on_the_random_generator_only() -> None:
    once, again, other = (degraded("white noise 20 dB", SIGNAL, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)
