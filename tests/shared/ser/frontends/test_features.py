"""Features of sounds without a model: the same numbers, with names."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import made
from ser._graph import front_end_model
from ser._metadata import MetadataEncoding
from ser._sessions import open_session
from ser.errors import InvalidInput, NotFound
from ser.frontends import FrontEnds, features
from ser.sounds import SAMPLING_RATE

SIGNALS = [made.signal(name) for name in ("03a01Fa.wav", "08a02Wa.wav", "10b01Ta.wav")]


def of_a_model(methods: dict[str, Any], signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """The features that the graph of a model computes from a whole sound."""
    model = front_end_model(
        FrontEnds.parse(methods), chunk_samples=None, gain=1.0, encoding=MetadataEncoding({})
    )
    (rows,) = open_session(model.SerializeToString()).run(["features"], {"waveform": signal})
    return np.asarray(rows)


def column(found: Any, name: str) -> NDArray[np.float32]:
    return np.asarray(found.array[:, found.names.index(name)])


def pulses(frequency: float, seconds: float = 1.0) -> NDArray[np.float64]:
    time = np.arange(int(seconds * SAMPLING_RATE)) / SAMPLING_RATE
    waves = [np.cos(2 * np.pi * frequency * k * time) for k in range(1, 16)]
    return np.asarray(0.02 * np.sum(waves, axis=0))


def test_functionals_are_those_of_a_model_one_row_for_each_sound_in_order() -> None:
    methods = {"Functionals": {"num_cepstral": 5}}
    found = features(SIGNALS, methods, sampling_rate=SAMPLING_RATE)
    expected = np.concatenate([of_a_model(methods, signal) for signal in SIGNALS])
    np.testing.assert_allclose(found.array, expected, rtol=1e-4, atol=1e-4)
    assert found.array.dtype == np.float32
    assert found.names == FrontEnds.parse(methods).feature_names(None, MetadataEncoding({}))
    assert found.sounds is not None
    assert found.sounds.tolist() == [0, 1, 2]
    assert found.times is None


def test_mfcc_descriptors_are_the_features_of_a_model_frame_by_frame() -> None:
    methods = {"MFCC": {"num_cepstral": 4, "frame_stride": 0.02}}
    found = features(SIGNALS[0], methods, "descriptors", sampling_rate=SAMPLING_RATE)
    expected = of_a_model(methods, SIGNALS[0]).reshape(4, -1).T
    np.testing.assert_allclose(found.array, expected, rtol=1e-4, atol=1e-3)
    assert found.names == ("MFCC.mfcc0", "MFCC.mfcc1", "MFCC.mfcc2", "MFCC.mfcc3")
    assert found.times is not None
    np.testing.assert_allclose(found.times, 0.02 * np.arange(len(expected)))


def test_statistics_of_the_descriptors_are_the_functionals() -> None:
    hiss = np.random.default_rng(0).normal(0, 0.05, 8000)
    sound = np.concatenate([pulses(150), hiss, np.zeros(4000)])
    frames = features(sound, level="descriptors", sampling_rate=SAMPLING_RATE)
    whole = features(sound, sampling_rate=SAMPLING_RATE)
    active, voiced = (column(frames, f"Functionals.{name}") > 0 for name in ("active", "voiced"))
    assert 0 < voiced.sum() < active.sum() < len(frames.array)
    for mask, prefix, names in (
        (active, "active", ("energy", "centroid", "mfcc3", "slope500")),
        (voiced, "voiced", ("pitch", "hnr", "h1_h2", "voicing", "flux")),
    ):
        for name in names:
            mean = column(frames, f"Functionals.{name}")[mask].mean()
            expected = column(whole, f"Functionals.{prefix}.{name}.mean")
            assert expected == pytest.approx(mean, rel=1e-3, abs=1e-3), name


def test_descriptors_have_a_row_every_ten_milliseconds_of_each_sound() -> None:
    found = features([pulses(100), pulses(200, 0.5)], level="descriptors", sampling_rate=16_000)
    assert found.sounds is not None
    assert found.times is not None
    assert np.bincount(found.sounds).tolist() == [101, 51]
    np.testing.assert_allclose(found.times[:101], 0.01 * np.arange(101))
    np.testing.assert_allclose(found.times[101:], 0.01 * np.arange(51))
    inside = (found.times > 0.05) & (found.times < 0.45)
    pitch = column(found, "Functionals.pitch")
    for sound, frequency in enumerate((100, 200)):
        hertz = 27.5 * 2 ** (pitch[inside & (found.sounds == sound)] / 12)
        np.testing.assert_allclose(hertz, frequency, rtol=0.01)
    assert column(found, "Functionals.voiced")[inside].all()


def test_a_path_its_bytes_and_its_samples_have_the_same_features(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    soundfile.write(path, SIGNALS[0], SAMPLING_RATE, subtype="FLOAT")
    found = features([path, str(path), path.read_bytes()]).array
    of_array = features(SIGNALS[0], sampling_rate=SAMPLING_RATE).array
    for row in found:
        np.testing.assert_array_equal(row, of_array[0])
    np.testing.assert_array_equal(features(path).array, of_array)


def test_features_of_no_sounds_have_no_rows() -> None:
    found = features([], level="descriptors")
    assert found.array.shape == (0, len(found.names))


def test_a_sound_that_cannot_be_read_is_named_by_its_index(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        features([made.sound(SIGNALS[0]), b"no sound"])
    assert [fault.loc for fault in caught.value.faults] == [(1,)]
    with pytest.raises(NotFound, match=r"missing\.wav"):
        features(tmp_path / "missing.wav")
    with pytest.raises(ValueError, match="sampling rate"):
        features(SIGNALS[0])


@pytest.mark.parametrize(
    ("methods", "level", "message"),
    [
        ({"MFCC": {}}, "functionals", r"methods\.MFCC: .* level='descriptors'"),
        ({"SpeakerAndGenderAndTextType": {}}, "functionals", "allowed: Encoder, Functionals, MFCC"),
        ({"SpeakerAndGenderAndTextType": {}}, "descriptors", "allowed: Encoder, Functionals, MFCC"),
        ({"MFCC": {}, "Functionals": {}}, "descriptors", "one method"),
        ({"Functionals": {}}, "frames", "^the level is .* allowed: functionals, descriptors"),
        ({"Functionals": {"num_cepstral": 0}}, "functionals", r"methods\.Functionals\.num_ceps"),
        ({"PLP": {}}, "functionals", r"methods\.PLP: unknown method"),
        ({}, "functionals", "no method"),
    ],
)
def test_methods_without_features_of_the_level_are_refused(
    methods: dict[str, Any], level: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        features(SIGNALS[0], methods, level, sampling_rate=SAMPLING_RATE)


def test_an_array_of_paths_is_several_sounds(tmp_path: Path) -> None:
    Path("a.wav").write_bytes(made.sound(made.signal("03a01Wa.wav")))
    assert features(np.array(["a.wav", "a.wav"])).sounds.tolist() == [0, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("sounds", [None, 3])
def test_a_value_that_is_not_a_sound_is_refused(sounds: Any) -> None:
    with pytest.raises(InvalidInput, match="is not a sound; allowed"):
        features(sounds)


@pytest.mark.parametrize("level", [["functionals"], None])
def test_a_level_is_a_word(level: Any) -> None:
    with pytest.raises(InvalidInput, match="; allowed: functionals, descriptors"):
        features("a.wav", level=level)


def test_numbers_of_numpy_and_read_only_mappings_configure_methods() -> None:
    sound = made.signal("03a01Wa.wav")
    methods = MappingProxyType({"MFCC": MappingProxyType({"num_cepstral": np.int64(3)})})
    found = features(sound, methods, "descriptors", sampling_rate=SAMPLING_RATE)
    assert found.array.shape[1] == 3
