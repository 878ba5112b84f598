"""Copies of an utterance are altered as configured, within bounds, and reproducibly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import made
from ser.errors import InvalidInput
from ser.frontends._augmentation import (
    METHODS,
    Augmentation,
    Augmentations,
    Clipping,
    Noise,
    Resampling,
    Telephone,
    coloured_noise,
)
from ser.sounds import SAMPLING_RATE, Signal

SIGNAL = made.signal("03a01Fa.wav")
SEEDS = st.integers(0, 2**32 - 1)


def tone(frequency: float, seconds: float = 1.0) -> Signal:
    time = np.arange(round(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    return (0.5 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def power(signal: NDArray[Any], low: float, high: float) -> float:
    """Mean power of ``signal`` from ``low`` to ``high`` Hz."""
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) ** 2
    frequencies = np.fft.rfftfreq(len(signal), 1 / SAMPLING_RATE)
    return float(spectrum[(frequencies >= low) & (frequencies < high)].mean())


def only_copy(method: Augmentation, signal: Signal, seed: int) -> Signal:
    (copy,) = method.vary(signal, np.random.default_rng(seed))
    return copy


def faults(value: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        Augmentations.parse(value)
    return {".".join(map(str, fault.loc)): fault.msg for fault in caught.value.faults}


@pytest.mark.parametrize("name", METHODS)
def test_each_method_makes_the_stated_number_of_copies(name: str) -> None:
    methods = Augmentations.parse({name: {}})
    copies = methods.vary(SIGNAL, np.random.default_rng(1))
    assert len(copies) == methods.copies == 2
    for copy in copies:
        assert copy.dtype == np.float32
        assert copy.ndim == 1
        assert not np.array_equal(copy, SIGNAL)


def test_methods_apply_in_the_order_of_the_request() -> None:
    both = Augmentations.parse({"Telephone": {}, "Resampling": {"factors": [0.5]}})
    copies = both.vary(SIGNAL, np.random.default_rng(1))
    assert both.copies == len(copies) == 3
    assert len(copies[2]) == 2 * len(SIGNAL)


def test_without_methods_there_are_no_copies() -> None:
    nothing = Augmentations.parse({})
    assert nothing.copies == 0
    assert nothing.vary(SIGNAL, np.random.default_rng(1)) == []


@pytest.mark.parametrize("name", METHODS)
def test_copies_depend_only_on_the_signal_and_the_generator(name: str) -> None:
    methods = Augmentations.parse({name: {}})
    before = SIGNAL.copy()
    once, again, other = (methods.vary(SIGNAL, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(SIGNAL, before)
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)
    if name != "Resampling":
        assert not np.array_equal(once[0], other[0])
        assert not np.array_equal(once[0], once[1])


@pytest.mark.parametrize("factor", [0.5, 0.88, 1.13, 2.0])
def test_a_resampled_copy_is_faster_and_higher_by_its_factor(factor: float) -> None:
    copy = only_copy(Resampling(factors=[factor]), tone(440), 1)
    assert len(copy) == pytest.approx(SAMPLING_RATE / factor, abs=1)
    spectrum = np.abs(np.fft.rfft(copy * np.hanning(len(copy))))
    assert spectrum.argmax() * SAMPLING_RATE / len(copy) == pytest.approx(440 * factor, abs=2)


@given(SEEDS, st.floats(0, 0.5))
def test_degraded_copies_are_faster_and_slower_in_equal_parts(seed: int, resampled: float) -> None:
    method = Clipping(copies=4, resampled=resampled)
    copies = method.vary(SIGNAL, np.random.default_rng(seed))
    factors = [len(SIGNAL) / len(copy) for copy in copies]
    edges = 1 + resampled * np.linspace(-1, 1, 5)
    assert (edges[:-1] - 0.001 <= factors).all()
    assert (factors <= edges[1:] + 0.001).all()


@given(SEEDS, st.floats(-20, 60), st.floats(0, 20))
def test_the_signal_to_noise_ratio_is_within_the_configured_range(
    seed: int, lowest: float, more: float
) -> None:
    method = Noise(copies=1, resampled=0, lowest_snr=lowest, highest_snr=lowest + more)
    noise = only_copy(method, SIGNAL, seed).astype(np.float64) - SIGNAL
    snr = 20 * np.log10(SIGNAL.std() / noise.std())
    assert lowest - 0.1 <= snr <= lowest + more + 0.1


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_the_power_of_coloured_noise_falls_with_its_slope(slope: float) -> None:
    noise = coloured_noise(8 * SAMPLING_RATE, slope, np.random.default_rng(1))
    assert noise.std() == pytest.approx(1)
    fall = power(noise, 240, 260) / power(noise, 3840, 4160)
    assert fall == pytest.approx(16**slope, rel=0.2)


@given(SEEDS)
def test_a_telephone_passes_only_its_band(seed: int) -> None:
    hiss = np.random.default_rng(0).normal(0, 0.1, SAMPLING_RATE).astype(np.float32)
    copy = only_copy(Telephone(copies=1, resampled=0), hiss, seed)
    assert power(copy, 500, 2800) == pytest.approx(power(hiss, 500, 2800), rel=0.1)
    assert power(copy, 0, 40) < 0.05 * power(hiss, 0, 40)
    assert power(copy, 4300, 8000) < 1e-6 * power(hiss, 4300, 8000)


@given(SEEDS, st.floats(0, 40))
def test_an_overdriven_copy_is_clipped_on_both_sides(seed: int, highest_gain: float) -> None:
    copy = only_copy(Clipping(copies=1, resampled=0, highest_gain=highest_gain), SIGNAL, seed)
    limit = np.abs(copy).max()
    np.testing.assert_array_equal(copy, SIGNAL.clip(-limit, limit))


def test_gains_range_up_to_the_highest_gain() -> None:
    method = Clipping(copies=32, resampled=0, highest_gain=12)
    limits = [np.abs(copy).max() for copy in method.vary(SIGNAL, np.random.default_rng(1))]
    gains = 20 * np.log10(np.abs(SIGNAL).max() / limits)
    assert 0 < gains.min() < 2
    assert 10 < gains.max() <= 12.01


@pytest.mark.parametrize("name", METHODS)
def test_silence_stays_silence(name: str) -> None:
    silence = np.zeros(4000, np.float32)
    for copy in Augmentations.parse({name: {}}).vary(silence, np.random.default_rng(1)):
        assert not copy.any()


def test_configs_contain_every_option_and_can_be_parsed_again() -> None:
    methods = Augmentations.parse('{"Noise": {"copies": "3"}, "Resampling": {}}')
    assert methods.configs["Resampling"] == {"factors": [0.88, 1.13]}
    assert methods.configs["Noise"]["copies"] == 3
    assert Augmentations.parse(methods.configs) == methods


def test_all_invalid_values_are_named_at_once() -> None:
    found = faults(
        {
            "Echo": {},
            "Resampling": {"factors": [1.1, 3]},
            "Noise": {"copies": 0, "lowest_snr": 20, "highest_snr": 10},
            "Telephone": {"resampled": 1, "speed": 2},
            "Clipping": {"highest_gain": 50},
        }
    )
    assert found.keys() == {
        *("Echo", "Resampling.factors.1", "Noise.copies", "Noise.lowest_snr"),
        *("Telephone.resampled", "Telephone.speed", "Clipping.highest_gain"),
    }
    assert found["Echo"] == f"unknown method; allowed: {', '.join(METHODS)}"
    assert found["Noise.lowest_snr"] == "20 dB; allowed: at most highest_snr, 10 dB"
    assert found["Clipping.highest_gain"] == "50 does not fit; allowed: a number >= 0 and <= 40"


def test_the_total_number_of_copies_is_bounded() -> None:
    assert Augmentations.parse({"Noise": {"copies": 16}, "Telephone": {"copies": 16}}).copies == 32
    found = faults({"Noise": {"copies": 16}, "Telephone": {"copies": 17}})
    assert found == {"": "33 copies of each utterance; allowed: at most 32"}
    assert faults({"Resampling": {"factors": [1.1] * 33}}) == found
