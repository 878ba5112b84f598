"""Arrays and paths as sounds: an array and a file of one recording are the same signal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import made
from ser.errors import InvalidInput, NotFound, TooLarge
from ser.limits import Limit
from ser.sounds import MIN_SECONDS, SAMPLING_RATE, read_sound

TONE = made.signal("03a01Wa.wav")
FULL_SCALE = {"PCM_U8": 2**7, "PCM_16": 2**15, "PCM_32": 2**31, "FLOAT": 1, "DOUBLE": 1}
DTYPES = {
    "PCM_U8": np.uint8,
    "PCM_16": np.int16,
    "PCM_32": np.int32,
    "FLOAT": np.float32,
    "DOUBLE": np.float64,
}


def recording(seed: int, rate: int, channels: int, seconds: float) -> NDArray[np.float64]:
    """Noise between -0.9 and 0.9 of shape (samples, channels)."""
    random = np.random.default_rng(seed)
    return random.uniform(-0.9, 0.9, (round(seconds * rate), channels))


@settings(max_examples=60)
@given(
    seed=st.integers(0, 100),
    rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]),
    channels=st.integers(1, 4),
    seconds=st.floats(MIN_SECONDS + 0.01, 1.0),
    subtype=st.sampled_from([*DTYPES]),
    as_dtype=st.sampled_from(["its own", "float64", "float32"]),
)
def test_a_file_and_an_array_of_a_recording_give_the_same_signal(
    seed: int, rate: int, channels: int, seconds: float, subtype: str, as_dtype: str
) -> None:
    samples = recording(seed, rate, channels, seconds)
    scale = FULL_SCALE[subtype]
    stored = samples if scale == 1 else np.round(samples * scale)
    file = made.sound(stored / scale, rate, subtype=subtype)  # type: ignore[arg-type]
    array: NDArray[Any] = stored / scale
    if as_dtype == "its own":
        array = (stored + (128 if subtype == "PCM_U8" else 0)).astype(DTYPES[subtype])
    elif as_dtype == "float32":
        array = array.astype(np.float32)
    if channels == 1:
        array = array[:, 0]
    expected = read_sound(file)
    found = read_sound(array, rate)
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "i2", ">i2", "i4", "i8", "u1"])
def test_arrays_of_every_numeric_type_are_scaled_to_the_range_of_one(dtype: str) -> None:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        array, step = TONE.astype(dtype), 1e-3
    else:
        bits = 8 * kind.itemsize - 1
        middle = 2**bits if kind.kind == "u" else 0
        array = (np.round(TONE.astype(np.float64) * 2**bits) + middle).astype(dtype)
        step = 2.0 ** -min(bits, 20)
    np.testing.assert_allclose(read_sound(array, SAMPLING_RATE), TONE, atol=step)


def test_a_signal_is_returned_without_a_copy() -> None:
    assert read_sound(TONE, SAMPLING_RATE) is TONE


def test_channels_of_an_array_are_averaged() -> None:
    stereo = np.stack([TONE, 3 * TONE], axis=1)
    np.testing.assert_allclose(read_sound(stereo, SAMPLING_RATE), 2 * TONE, atol=1e-7)


def test_every_second_sample_of_a_longer_array_is_a_sound() -> None:
    np.testing.assert_array_equal(read_sound(np.repeat(TONE, 2)[::2], SAMPLING_RATE), TONE)


def with_sample(value: float, dtype: str = "f4") -> NDArray[Any]:
    array = TONE.astype(dtype)
    array[100:102] = value
    return array


@pytest.mark.parametrize(
    ("array", "rate", "message"),
    [
        (TONE, None, "the array has no sampling rate; allowed: a whole number of Hz"),
        (TONE, 0, "the sampling rate is 0; allowed: a whole number of Hz"),
        (TONE, -16_000, "the sampling rate is -16000"),
        (TONE, 16_000.5, "the sampling rate is 16000.5"),
        (TONE, float("nan"), "the sampling rate is nan"),
        (TONE, float("inf"), "the sampling rate is inf"),
        (TONE, True, "the sampling rate is True"),
        (TONE, "16000", "the sampling rate is '16000'"),
        (with_sample(np.nan), 16_000, "2 samples are NaN or infinite; allowed: finite"),
        (with_sample(-np.inf), 16_000, "2 samples are NaN or infinite; allowed: finite"),
        (with_sample(np.inf, "f8"), 44_100, "2 samples are NaN or infinite; allowed: finite"),
        (with_sample(np.nan, "f2"), 16_000, "2 samples are NaN or infinite; allowed: finite"),
        (with_sample(12.0), 16_000, "a peak of 12 times full scale; allowed: at most 10"),
        (with_sample(1e300, "f8"), 16_000, "a peak of inf times full scale"),
        (with_sample(-20_000.0, "f8"), 16_000, "a peak of 2e.04 times full scale"),
        (np.zeros(0, np.float32), 16_000, r"empty: an array of shape \(0,\)"),
        (np.zeros((16_000, 0)), 16_000, r"empty: an array of shape \(16000, 0\)"),
        (np.zeros(1_599, np.float32), 16_000, "lasts 99.9375 ms; allowed: at least 100 ms"),
        (np.zeros((1_000, 2), np.int16), 44_100, "lasts 22.6757 ms; allowed: at least 100 ms"),
        (np.zeros((2, 16_000), np.int16), 16_000, r"more channels than samples; .*array\.T"),
        (np.zeros((160, 10, 2)), 16_000, r"shape \(160, 10, 2\) is not a sound; allowed"),
        (np.float32(0.5), 16_000, r"a float32 is not a sound|shape \(\) is not a sound"),
        (TONE > 0, 16_000, "an array of bool is not a sound; allowed: float16, float32"),
        (TONE.astype(complex), 16_000, "an array of complex128 is not a sound"),
        (TONE.astype(object), 16_000, "an array of object is not a sound"),
        (TONE.tolist(), 16_000, "a list is not a sound; allowed: the path of a file"),
        (None, None, "a NoneType is not a sound"),
    ],
)
def test_arrays_that_are_not_sounds_are_refused_with_the_reason(
    array: Any, rate: Any, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        read_sound(array, rate)


@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_the_limit_of_an_array_is_inclusive(dtype: type) -> None:
    second: NDArray[Any] = np.zeros(16_000, dtype)
    assert len(read_sound(second, 16_000, limit=Limit(1.0))) == 16_000
    with pytest.raises(TooLarge, match="longer than 1 s"):
        read_sound(np.zeros(16_001, dtype), 16_000, limit=Limit(1.0))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    path.write_bytes(made.sound(TONE, subtype="FLOAT"))
    return path


def test_a_path_and_its_bytes_give_the_same_signal(file: Path) -> None:
    for sound in (file, str(file), file.read_bytes(), bytearray(file.read_bytes())):
        np.testing.assert_array_equal(read_sound(sound), TONE)
    np.testing.assert_array_equal(read_sound(memoryview(file.read_bytes()), 16_000.0), TONE)


def test_a_file_refuses_another_sampling_rate_than_its_own(file: Path) -> None:
    with pytest.raises(
        InvalidInput, match="44100 Hz for a file of 16000 Hz; allowed: the rate of the file"
    ):
        read_sound(file, 44_100)


def test_a_missing_file_is_not_found_by_name(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no sound file 'missing\.wav'"):
        read_sound("missing.wav")


def test_errors_about_a_file_begin_with_its_path(tmp_path: Path) -> None:
    Path("notes.txt").write_text("no sound")
    with pytest.raises(InvalidInput, match=r"^notes\.txt: 8 bytes that begin with b'no sound'"):
        read_sound("notes.txt")
    with pytest.raises(InvalidInput, match=r"cannot be read: Is a directory; allowed: a sound"):
        read_sound(tmp_path)
    with pytest.raises(InvalidInput, match="cannot be read: embedded null byte"):
        read_sound("a\0b")


def test_masked_samples_are_refused() -> None:
    masked = np.ma.masked_array(TONE, mask=np.arange(len(TONE)) < 5)
    with pytest.raises(InvalidInput, match="5 samples are masked; allowed: an array"):
        read_sound(masked, SAMPLING_RATE)
    np.testing.assert_array_equal(read_sound(np.ma.masked_array(TONE), SAMPLING_RATE), TONE)


def test_a_message_about_a_file_whose_name_is_not_utf8_can_be_printed() -> None:
    name = os.fsdecode(b"notes-\xfc.txt")
    Path(name).write_text("no sound")
    with pytest.raises(InvalidInput) as caught:
        read_sound(name)
    assert str(caught.value).encode().startswith(b"notes-\\udcfc.txt: 8 bytes")
