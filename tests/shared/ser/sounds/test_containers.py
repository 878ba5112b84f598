"""Sounds in the containers of browsers, phones and video."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import browsers
import made
import tracks
from ser.errors import InvalidInput, TooLarge
from ser.limits import Limit
from ser.sounds import SUFFIXES, read_sound

RATE = 48_000
SIGNAL = made.signal("03a01Wa.wav", RATE)
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}
MADE = {
    "WebM": tracks.track(SIGNAL, RATE, "webm", "libopus", options={"live": "1"}, streamed=True),
    "Matroska (MKV)": tracks.track(SIGNAL, RATE, "matroska", "flac", picture=True),
    "MP4 (M4A)": tracks.track(SIGNAL, RATE, "ipod", "aac"),
    "MP4": tracks.track(SIGNAL, RATE, "mp4", "aac", options=FRAGMENTED, streamed=True),
    "QuickTime (MOV)": tracks.track(SIGNAL, RATE, "mov", "aac", picture=True),
    "3GP": tracks.track(made.signal("03a01Wa.wav", 8_000), 8_000, "3gp", "libopencore_amrnb"),
    "AAC (ADTS)": tracks.track(SIGNAL, RATE, "adts", "aac"),
    "AMR": tracks.track(made.signal("03a01Wa.wav", 8_000), 8_000, "amr", "libopencore_amrnb"),
    "AVI": tracks.track(SIGNAL, RATE, "avi", "libmp3lame", picture=True),
}


@pytest.mark.parametrize("name", MADE)
def test_a_container_is_read(name: str) -> None:
    assert len(read_sound(MADE[name])) == pytest.approx(len(SIGNAL) / 3, abs=1_600)


@pytest.mark.parametrize("name", MADE)
def test_without_the_extra_the_error_names_the_container_and_the_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InvalidInput) as caught:
        read_sound(MADE[name])
    assert f"the sound is a {name} file" in str(caught.value)
    assert "ser[containers]" in str(caught.value)


def test_a_stream_of_a_recorder_declares_neither_size_nor_duration() -> None:
    data = MADE["WebM"]
    assert b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff" in data
    with av.open(io.BytesIO(data), "r") as opened:
        assert opened.duration is None
    for share in (0.3, 0.5, 0.9):
        with pytest.raises(InvalidInput, match="cut off"):
            read_sound(data[: int(share * len(data))])


def test_a_phone_file_that_lacks_its_description_is_cut() -> None:
    data = MADE["MP4 (M4A)"]
    assert data.index(b"moov") > data.index(b"mdat")
    with pytest.raises(InvalidInput, match="cut off"):
        read_sound(data[: data.index(b"moov") - 4])


def test_the_limit_holds_while_a_track_is_decoded() -> None:
    hour = tracks.track(np.zeros(600 * 8_000, np.float32), 8_000, "matroska", "flac")
    assert len(hour) < 200_000
    with pytest.raises(TooLarge, match="longer than 2 s"):
        read_sound(hour, limit=Limit(2.0))


def test_a_video_without_sound_is_refused() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        output.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        output.mux(stream.encode(None))
    with pytest.raises(InvalidInput, match="the MP4 file contains no sound track"):
        read_sound(file.getvalue())


@pytest.mark.parametrize("name", MADE)
def test_a_damaged_container_is_read_or_refused(name: str) -> None:
    random = np.random.default_rng(0)
    data = MADE[name]
    for _ in range(40):
        damaged = bytearray(data)
        for place in random.integers(0, min(len(data), 2_000), 3):
            damaged[place] = random.integers(256)
        with suppress(InvalidInput, TooLarge):
            assert np.isfinite(read_sound(bytes(damaged), limit=Limit(60.0))).all()


def test_an_absurd_number_of_channels_is_refused() -> None:
    data = bytearray(tracks.track(SIGNAL, RATE, "matroska", "pcm_s16le"))
    place = data.index(b"\x9f\x81\x01")  # the element Channels
    data[place + 2] = 200
    with pytest.raises(InvalidInput, match="200 channels; allowed: at most 64"):
        read_sound(bytes(data))


def test_a_corpus_may_consist_of_any_container() -> None:
    assert {".webm", ".m4a", ".mp4", ".mkv", ".aac", ".amr", ".3gp", ".avi", ".mov"} <= SUFFIXES
    assert {".w64", ".caf", ".rf64", ".wav", ".mp3"} <= SUFFIXES


def test_a_file_whose_samples_are_in_another_file_is_refused(
    bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tracks.track(SIGNAL, RATE, "mov", "pcm_s16be")
    (bounds / "secret.mov").write_bytes(whole)
    referring = tracks.referring(whole, "secret.mov")
    with pytest.raises(InvalidInput, match="no frame can be decoded"):
        read_sound(referring)
    # Here FFmpeg follows the reference; the guard refuses it even then.
    follow = {"enable_drefs": "1"}
    with av.open(io.BytesIO(referring), "r", format="mov", options=follow) as opened:
        assert sum(frame.samples for frame in opened.decode(audio=0)) == len(SIGNAL)
    open_container: Any = av.open

    def follow_references(*arguments: Any, options: dict[str, str], **others: Any) -> Any:
        return open_container(*arguments, options={**options, **follow}, **others)

    monkeypatch.setattr(av, "open", follow_references)
    with pytest.raises(InvalidInput, match="cannot be opened"):
        read_sound(referring)


@pytest.mark.skipif(browsers.CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("media_type", ["audio/webm;codecs=opus", "audio/mp4;codecs=opus"])
def test_a_recording_of_chromium_is_read(media_type: str) -> None:
    found = read_sound(browsers.recorded(media_type))
    assert 16_000 < len(found) < 32_000
    spectrum = np.abs(np.fft.rfft(found))
    assert spectrum.argmax() * 16_000 / len(found) == pytest.approx(300, abs=5)
