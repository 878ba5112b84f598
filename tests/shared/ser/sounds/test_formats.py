"""Every format that libsndfile and PyAV write is read back, and refused when it is cut off."""

from __future__ import annotations

import io
from typing import Any

import hypothesis
import numpy as np
import pytest
import soundfile
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import tracks
from ser.errors import InvalidInput
from ser.sounds import SAMPLING_RATE, Signal, read_sound

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)
WITHOUT_HEADER = {"RAW", "SD2"}
"""Formats of libsndfile whose files do not describe themselves."""
FORMATS = sorted(
    (container, subtype)
    for container in soundfile.available_formats()
    for subtype in soundfile.available_subtypes(container)
    if container not in WITHOUT_HEADER
)
WITHOUT_LENGTH = {"IRCAM", "PAF", "PVF", "XI"}
"""Formats of libsndfile that declare no length, so that a missing end cannot be noticed."""
TRACKS = [
    *(("webm", "libopus"), ("matroska", "flac"), ("matroska", "pcm_s16le"), ("matroska", "ac3")),
    *(("ipod", "aac"), ("ipod", "alac"), ("mp4", "aac"), ("mp4", "libopus"), ("mov", "pcm_s16be")),
    *(("3gp", "aac"), ("3gp", "libopencore_amrnb"), ("adts", "aac"), ("amr", "libopencore_amrnb")),
    *(("avi", "pcm_s16le"), ("avi", "libmp3lame"), ("ogg", "flac")),
]
STREAMS = {"adts", "amr"}
"""Containers without a length: where a frame ends, the sound may end too."""


def recording(seed: int, rate: int, channels: int, frames: int) -> NDArray[np.float32]:
    """Return a tone with a slow tremolo and a little noise, shape (frames, channels)."""
    random = np.random.default_rng(seed)
    time = np.arange(frames) / rate
    tone = np.sin(2 * np.pi * 300 * time) * (0.5 + 0.3 * np.sin(2 * np.pi * 3 * time))
    noise = random.normal(0, 0.002, (frames, channels))
    return np.asarray(0.5 * tone[:, np.newaxis] + noise, np.float32)


def likeness(found: Signal, expected: Signal) -> float:
    """Return the highest correlation of both signals over delays up to 200 ms."""
    one, other = (signal[::4].astype(np.float64) for signal in (found, expected))
    delays = np.correlate(np.pad(one, SAMPLING_RATE // 20), other, "valid")
    return float(delays.max() / (np.linalg.norm(one) * np.linalg.norm(other)))


def written(kind: tuple[str, str], samples: NDArray[np.float32], rate: int) -> bytes | None:
    """Return a file of libsndfile; ``None`` if it does not write this combination."""
    file = io.BytesIO()
    try:
        soundfile.write(file, samples, rate, format=kind[0], subtype=kind[1])
    except (soundfile.LibsndfileError, ValueError):
        return None
    return file.getvalue()


def example(kind: tuple[str, str]) -> tuple[bytes, NDArray[np.float32]] | None:
    """Return a file of a second in a format, and its samples; ``None`` if none can be written."""
    for rate in RATES:
        samples = recording(0, rate, 1, max(8_000, rate // 2))
        if data := written(kind, samples, rate):
            return data, samples
    return None


EXAMPLES = {kind: made for kind in FORMATS if (made := example(kind)) is not None}
"""The formats that libsndfile writes."""


def test_the_codecs_that_cannot_be_rewound_are_among_the_formats() -> None:
    codecs = {codec for _, codec in EXAMPLES}
    assert codecs >= {"GSM610", "G721_32", "G723_24", "NMS_ADPCM_16", "DPCM_8", "DWVW_16"}


@pytest.mark.parametrize("kind", EXAMPLES, ids="-".join)
def test_every_format_of_libsndfile_is_read(kind: tuple[str, str]) -> None:
    data, samples = EXAMPLES[kind]
    # XI stores no sampling rate.
    rate = soundfile.info(io.BytesIO(data)).samplerate
    expected, found = read_sound(samples, rate), read_sound(data)
    assert len(found) == pytest.approx(len(expected), abs=0.1 * SAMPLING_RATE)
    assert likeness(found, expected) > 0.95


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([*EXAMPLES]),
    rate=st.sampled_from(RATES),
    channels=st.integers(1, 3),
    seconds=st.floats(0.15, 0.6),
    seed=st.integers(0, 9),
)
def test_any_length_rate_and_number_of_channels_is_read(
    kind: tuple[str, str], rate: int, channels: int, seconds: float, seed: int
) -> None:
    samples = recording(seed, rate, channels, round(seconds * rate))
    data = written(kind, samples, rate)
    assume(data is not None and kind[0] != "XI")
    assert data is not None
    expected, found = read_sound(samples, rate), read_sound(data)
    assert len(found) == pytest.approx(len(expected), abs=0.1 * SAMPLING_RATE)
    assert likeness(found, expected) > 0.95
    if kind[1] in ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
        # Blocks are filled up with silence, which the resampler smears over its last milliseconds.
        kept = len(expected) - 200
        np.testing.assert_allclose(found[:kept], expected[:kept], atol=1e-3)


@hypothesis.example(kind=("NIST", "ALAW"), share=0.5)
@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([kind for kind in EXAMPLES if kind[0] not in WITHOUT_LENGTH]),
    share=st.floats(0.02, 0.97),
)
def test_a_file_of_libsndfile_is_never_read_up_to_a_cut(
    kind: tuple[str, str], share: float
) -> None:
    data, _ = EXAMPLES[kind]
    with pytest.raises(InvalidInput):
        read_sound(data[: round(share * len(data))])


@settings(max_examples=30, deadline=None)
@given(
    kind=st.sampled_from(TRACKS),
    rate=st.sampled_from((8_000, 16_000, 44_100, 48_000)),
    channels=st.integers(1, 2),
    seconds=st.floats(0.3, 0.8),
    picture=st.booleans(),
    streamed=st.booleans(),
)
def test_every_container_of_browsers_phones_and_video_is_read_or_refused_when_cut(
    kind: tuple[str, str], rate: int, channels: int, seconds: float, picture: bool, streamed: bool
) -> None:
    container, codec = kind
    samples = recording(0, rate, channels, round(seconds * rate))
    more: dict[str, Any] = {
        "picture": picture and container in ("matroska", "mp4", "mov", "avi"),
        "streamed": streamed and container in ("webm", "matroska", "adts", "amr", "ogg"),
    }
    try:
        data = tracks.track(samples, rate, container, codec, **more)
    except (OSError, ValueError, NotImplementedError):
        assume(False)
        raise
    expected, found = read_sound(samples, rate), read_sound(data)
    # Codecs fill up the first and the last of their frames, which have up to 1024 samples.
    assert len(found) == pytest.approx(len(expected), abs=(0.1 + 3 * 1024 / rate) * SAMPLING_RATE)
    assert likeness(found, expected) > 0.9
    for share in (0.3, 0.5, 0.8):
        half = data[: round(share * len(data))]
        # Frames are longer than one byte, so that a cut at the end of one becomes a cut within it.
        assert is_refused(half) or (container in STREAMS and is_refused(half[:-1]))


def is_refused(data: bytes) -> bool:
    """Return whether ``data`` is refused as cut off, or as no sound at all."""
    try:
        read_sound(data)
    except InvalidInput:
        return True
    return False
