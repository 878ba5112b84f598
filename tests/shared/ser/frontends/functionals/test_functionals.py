"""Features of sounds for which they are known."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from spox import Tensor, argument, build

import made
from ser import Dataset
from ser._graph import front_end_model
from ser._metadata import MetadataEncoding
from ser._schemas import parse
from ser.errors import InvalidInput
from ser.frontends import FrontEnds, Functionals
from ser.frontends.functionals import _pitch as pitch
from ser.frontends.functionals._array import Array
from ser.sounds import SAMPLING_RATE

Signal = NDArray[np.float32]
RATES = (2, 3, 4, 6, 8, 11, 16)


@cache
def model() -> onnx.ModelProto:
    return front_end_model(
        FrontEnds(Functionals=Functionals()),
        chunk_samples=None,
        gain=1.0,
        encoding=MetadataEncoding({}),
    )


@cache
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model().SerializeToString())


@cache
def names() -> tuple[str, ...]:
    return Functionals().feature_names()


def features(signal: NDArray[Any]) -> Signal:
    (rows,) = session().run(["features"], {"waveform": signal.astype(np.float32)})
    return np.asarray(rows[0])


def named_features(signal: NDArray[Any]) -> dict[str, float]:
    """The features of ``signal`` by name."""
    return dict(zip(names(), features(signal).tolist(), strict=True))


def time(seconds: float = 1.0) -> NDArray[np.float64]:
    return np.arange(int(seconds * SAMPLING_RATE)) / SAMPLING_RATE


def sine(frequency: float, seconds: float = 1.0) -> NDArray[np.float64]:
    return 0.1 * np.sin(2 * np.pi * frequency * time(seconds))


def noise(seconds: float = 1.0, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 0.1, len(time(seconds)))


def pulses(frequency: float, harmonics: int = 15) -> NDArray[np.float64]:
    """A pulse train: harmonics of equal level and phase."""
    waves = [np.cos(2 * np.pi * frequency * k * time()) for k in range(1, harmonics + 1)]
    return np.asarray(0.02 * np.sum(waves, axis=0))


@pytest.mark.parametrize("frequency", [75, 120, 200, 350])
def test_the_pitch_of_a_pulse_train_is_its_rate(frequency: float) -> None:
    found = named_features(pulses(frequency, harmonics=int(3500 / frequency)))
    semitones = 12 * np.log2(frequency / 27.5)
    assert found["voiced.pitch.mean"] == pytest.approx(semitones, abs=0.1)
    assert found["voiced.pitch.p50"] == pytest.approx(semitones, abs=0.05)
    assert found["voiced.rhythm.share"] > 0.95


def test_the_pitch_has_no_octave_errors() -> None:
    sound = pulses(200)
    sound[4000:6000] = pulses(400, harmonics=7)[4000:6000]
    found = named_features(sound)
    assert found["voiced.pitch.p99"] == pytest.approx(12 * np.log2(200 / 27.5), abs=0.2)


def test_a_pitch_below_the_range_is_unvoiced() -> None:
    assert named_features(sine(116) + sine(174))["voiced.rhythm.share"] < 0.3


def test_pitch_candidates_are_local_maxima() -> None:
    values = np.random.default_rng(0).normal(size=(1, len(pitch.LAGS) + 2, 5)).astype(np.float32)
    similarity = argument(Tensor(np.float32, values.shape))
    graph = build({"similarity": similarity}, {"peaks": pitch.peaks(Array(similarity)).var})
    run = onnxruntime.InferenceSession(graph.SerializeToString()).run
    before, at, after = values[:, :-2], values[:, 1:-1], values[:, 2:]
    expected = np.where((at > before) & (at > after), at, -1)
    np.testing.assert_array_equal(run(None, {"similarity": values})[0], expected)


def test_the_slope_of_a_glide_is_its_semitones_per_second() -> None:
    phase = np.cumsum(150 * 2 ** (time() * 6 / 12)) / SAMPLING_RATE
    found = named_features(np.sum([np.sin(2 * np.pi * k * phase) for k in range(1, 9)], axis=0))
    assert found["voiced.pitch.slope"] == pytest.approx(6, abs=0.2)
    assert found["voiced.delta_pitch.p50"] == pytest.approx(6, abs=0.5)


def test_the_harmonics_to_noise_ratio_of_a_noisy_tone() -> None:
    assert named_features(pulses(200))["voiced.hnr.p50"] > 25
    tone = pulses(200)
    # Half of the power of white noise lies below 4 kHz, where the ratio is measured.
    for ratio in (5, 15):
        level = np.std(tone) / np.std(noise()) * np.sqrt(2) * 10 ** (-ratio / 20)
        found = named_features(tone + level * noise())
        assert found["voiced.hnr.p50"] == pytest.approx(ratio, abs=2)


def test_noise_is_active_and_not_voiced() -> None:
    found = named_features(noise())
    assert found["active.rhythm.share"] == pytest.approx(1)
    assert found["voiced.rhythm.share"] < 0.05


def test_the_relative_levels_of_the_first_harmonics() -> None:
    found = named_features(sine(200) + sine(400) / 2 + sine(600) / 4)
    assert found["voiced.h1_h2.p50"] == pytest.approx(6, abs=0.5)
    assert found["voiced.h1_h3.p50"] == pytest.approx(12, abs=0.5)


def test_the_centroid_and_roll_offs_of_a_sine_are_its_frequency() -> None:
    found = named_features(sine(1000))
    assert found["active.centroid.p50"] == pytest.approx(1000, abs=5)
    assert found["active.roll_off25.p50"] == pytest.approx(1000, abs=32)
    assert found["active.roll_off75.p50"] == pytest.approx(1000, abs=32)
    assert found["active.bandwidth.p50"] < 50


def test_the_spectral_shape_of_white_noise() -> None:
    found = named_features(noise())
    assert found["active.centroid.mean"] == pytest.approx(4000, abs=150)
    assert found["active.bandwidth.mean"] == pytest.approx(8000 / np.sqrt(12), rel=0.05)
    assert found["active.roll_off25.mean"] == pytest.approx(2000, abs=150)
    assert found["active.roll_off75.mean"] == pytest.approx(6000, abs=150)
    assert (
        found["active.flatness.mean"]
        > -4
        > -30
        > named_features(sine(1000))["active.flatness.mean"]
    )


def test_the_flux_of_a_steady_tone_is_less_than_that_of_noise() -> None:
    assert (
        named_features(sine(1000))["active.flux.p50"]
        < 0.01
        < 0.3
        < named_features(noise())["active.flux.p50"]
    )


def test_a_sine_has_two_zero_crossings_per_period() -> None:
    found = named_features(sine(500))["active.zero_crossings.p50"]
    assert found == pytest.approx(2 * 500 / SAMPLING_RATE, rel=0.02)


def test_the_spectral_balance_of_two_sines_is_the_ratio_of_their_levels() -> None:
    found = named_features(sine(500) + sine(3000) / 10)
    assert found["active.alpha_ratio.p50"] == pytest.approx(20, abs=0.2)
    assert found["active.hammarberg_index.p50"] == pytest.approx(20, abs=0.2)
    beyond = sine(6000)
    found = named_features(sine(500) / 10 + sine(3000) + beyond)
    assert found["active.hammarberg_index.p50"] == pytest.approx(-20, abs=0.2)
    assert found["active.alpha_ratio.p50"] == pytest.approx(-20, abs=0.2)


def test_slopes_are_decibels_per_kilohertz() -> None:
    spectrum = np.fft.rfft(noise(4))
    kilohertz = np.fft.rfftfreq(len(time(4)), 1 / SAMPLING_RATE) / 1000
    found = named_features(np.fft.irfft(spectrum * 10 ** (-12 * np.minimum(kilohertz, 2) / 20)))
    assert found["active.slope0.mean"] == pytest.approx(-12, abs=1)
    assert found["active.slope500.mean"] == pytest.approx(-12, abs=0.5)


def test_cepstra_agree_with_librosa_but_for_the_level() -> None:
    signal = noise().astype(np.float32)
    power = np.abs(librosa.stft(signal, n_fft=512, hop_length=160)) ** 2
    power[:2] = 0  # below 60 Hz
    filters = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=40, fmin=60, norm=None)
    filters /= filters.max(axis=1, keepdims=True)
    levels = librosa.power_to_db(filters @ power, top_db=None)
    expected = librosa.feature.mfcc(S=levels, n_mfcc=8).mean(axis=1)
    found = named_features(signal)
    for index in range(1, 8):
        assert found[f"active.mfcc{index}.mean"] == pytest.approx(expected[index], abs=0.05)


def test_energy_is_relative_to_the_loudest_frame() -> None:
    found = named_features(np.concatenate([sine(1000), sine(1000) / 10]))
    assert found["active.energy.p90"] == pytest.approx(0, abs=0.5)
    assert found["active.energy.p10"] == pytest.approx(-20, abs=0.5)


def test_the_modulation_spectrum_peaks_at_the_rate_of_a_modulated_noise() -> None:
    for rate in (4, 8):
        found = named_features(noise(3) * (1 + 0.9 * np.sin(2 * np.pi * rate * time(3))))
        for band in range(8):
            powers = [found[f"modulation.band{band}.{r}hz"] for r in RATES]
            assert RATES[np.argmax(powers)] == rate


def test_a_single_step_of_the_level_gives_little_modulation() -> None:
    steps = noise(3) * np.where(time(3) < 1.5, 1, 0.1)
    swelling = noise(3) * (1 + 0.9 * np.sin(2 * np.pi * 2 * time(3)))
    slowest = "modulation.band4.2hz"
    assert named_features(steps)[slowest] < named_features(swelling)[slowest] - 1


def test_the_rhythm_of_a_gated_tone_is_that_of_its_gate() -> None:
    gate = (time(4) % 0.5) < 0.25
    found = named_features(sine(300, 4) * gate)
    for family in ("active", "voiced"):
        assert found[f"{family}.rhythm.runs_per_second"] == pytest.approx(2, abs=0.1)
        assert found[f"{family}.rhythm.run_seconds"] == pytest.approx(0.25, abs=0.04)
        assert found[f"{family}.rhythm.share"] == pytest.approx(0.5, abs=0.08)


def speech_like(seconds: float = 1.5) -> NDArray[np.float64]:
    """A pulse train with gliding pitch and syllables, and some noise."""
    phase = np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * time(seconds))) / SAMPLING_RATE
    tone = np.sum([np.sin(2 * np.pi * k * phase) / k for k in range(1, 20)], axis=0)
    syllables = 0.02 + np.square(np.sin(2 * np.pi * 2 * time(seconds)))
    return np.asarray(0.1 * tone * syllables + 0.02 * noise(seconds))


@pytest.mark.parametrize("decibels", [-12, 12])
def test_features_do_not_depend_on_the_level(decibels: float) -> None:
    plain = features(speech_like())
    np.testing.assert_allclose(
        features(speech_like() * 10 ** (decibels / 20)), plain, rtol=1e-2, atol=1e-2
    )


@pytest.mark.parametrize("seconds", [0.1, 0.35, 7])
def test_the_number_of_features_is_the_same_for_any_duration(seconds: float) -> None:
    found = features(speech_like(seconds))
    assert found.shape == (len(names()),)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("samples", [1, 1600, 48_000])
def test_silence_has_finite_features(samples: int) -> None:
    assert np.isfinite(features(np.zeros(samples))).all()
    assert np.isfinite(features(np.full(samples, 0.5))).all()


def test_names_are_unique_and_as_many_as_the_graph_states() -> None:
    assert len(set(names())) == len(names())
    shape = model().graph.output[0].type.tensor_type.shape
    assert shape.dim[1].dim_value == len(names())
    assert {(entry.domain, entry.version <= 17) for entry in model().opset_import} == {("", True)}


def test_each_chunk_has_its_own_features() -> None:
    # A steady tone is no speech, so no pause in it is left out.
    time = np.arange(24_000) / 16_000
    tone = sum(np.sin(2 * np.pi * 150 * number * time) / number for number in range(1, 9))
    noise = np.random.default_rng(1).normal(0, 0.1, len(time))
    signal = np.asarray(0.1 * (tone + noise), np.float32)
    chunked = front_end_model(
        FrontEnds(Functionals=Functionals()),
        chunk_samples=8000,
        gain=1.0,
        encoding=MetadataEncoding({}),
    )
    run = onnxruntime.InferenceSession(chunked.SerializeToString()).run(None, {"waveform": signal})
    alone = [features(piece) for piece in signal.reshape(3, 8000)]
    np.testing.assert_allclose(run[0], alone, rtol=1e-2, atol=1e-2)


def test_whole_utterances_have_one_row_each(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "data", str(made.corpus(tmp_path / "corpus.zip")))
    dataset.load(split_at=None)
    dataset.feature_extract({"Functionals": {}})
    assert dataset.get_features().X.shape == (56, len(names()))


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"num_cepstral": 0}, "num_cepstral"),
        ({"num_cepstral": 9, "num_filters": 8}, "num_cepstral"),
        ({"num_filters": 65}, "num_filters"),
        ({"active_range": 60}, "active_range"),
        ({"voicing_threshold": "high"}, "voicing_threshold"),
        ({"num_cepstrals": 8}, "num_cepstrals"),
    ],
)
def test_an_invalid_config_is_refused_with_the_name_of_the_field(
    config: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(Functionals, config)
    assert [fault.loc for fault in caught.value.faults] == [(field,)]
