"""Whole sounds are read whatever their headers say; sounds that are cut off are refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import made
import tracks
from ser.errors import InvalidInput
from ser.sounds import read_sound

SIGNAL = made.signal("03a01Wa.wav")
PCM = np.round(32_768 * SIGNAL).astype("<i2").tobytes()
SIZE = len(PCM)
FORMAT = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
OPEN = 0xFFFF_FFFF


def wav(riff: int, data: int, before: bytes = b"", after: bytes = b"") -> bytes:
    """Return a WAV file that declares the sizes ``riff`` and ``data``."""
    header = b"RIFF" + struct.pack("<I", riff) + b"WAVE" + FORMAT + before
    return header + b"data" + struct.pack("<I", data) + PCM + after


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


WHOLE = {
    "a header without fault": wav(36 + SIZE, SIZE),
    "RecordRTC: 44 bytes too many in RIFF": wav(44 + SIZE, SIZE),
    "16 bytes too many in RIFF": wav(52 + SIZE, SIZE),
    "RIFF counts the header alone": wav(36, SIZE),
    "RIFF is zero": wav(0, SIZE),
    "RIFF is 2000000036": wav(2_000_000_036, 2_000_000_000),
    "sox and espeak in a pipe": wav(0x7FFF_F024, 0x7FFF_F000),
    "the highest signed sizes": wav(0x7FFF_FFFF, 0x7FFF_FFFF),
    "ffmpeg in a pipe": wav(OPEN, OPEN),
    "a header that was never closed": wav(0, 0),
    "data that was never closed": wav(36 + SIZE, 0),
    "AVAudioFile, not closed": wav(4_088, 0, before=chunk(b"JUNK", bytes(4_044))),
    "data that counts the header": wav(36 + SIZE, SIZE + 44),
    "RIFF and data that count the header": wav(80 + SIZE, SIZE + 44),
    "a large chunk of zeros": wav(393_208 + SIZE, SIZE, before=chunk(b"LIST", bytes(393_164))),
    "an odd chunk": wav(48 + SIZE, SIZE, before=chunk(b"junk", b"abc")),
    "a chunk after the samples": wav(60 + SIZE, SIZE, after=chunk(b"LIST", b"INFOISFT" + bytes(8))),
    "a chunk after the samples that is cut": wav(90 + SIZE, SIZE, after=b"LIST\x40\0\0\0INFO"),
    "bytes after the samples that are no chunk": wav(36 + SIZE, SIZE, after=b"signature" * 7),
}


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_a_whole_wav_file_is_read_whatever_its_header_says(data: bytes) -> None:
    found = read_sound(data)
    assert len(found) >= len(SIGNAL)
    np.testing.assert_allclose(found[: len(SIGNAL)], SIGNAL, atol=2**-15)
    # Where the size is open, bytes after the samples count as samples.
    assert len(found) - len(SIGNAL) <= 40


@pytest.mark.parametrize("riff", [36 + SIZE, 44 + SIZE, 0, 0x7FFF_F024, OPEN])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_wav_file_is_cut_if_its_samples_are(riff: int, kept: float) -> None:
    data = wav(riff, SIZE)
    with pytest.raises(InvalidInput, match=rf"cut off: \d+ of at least {44 + SIZE} bytes"):
        read_sound(data[: 44 + int(kept * SIZE)])


@pytest.mark.parametrize("length", [12, 30, 40])
def test_a_wav_file_without_samples_is_cut(length: int) -> None:
    with pytest.raises(InvalidInput, match="cut off"):
        read_sound(wav(36 + SIZE, SIZE)[:length])


@pytest.mark.parametrize(
    ("container", "name", "place", "size"),
    [
        ("W64", b"data\xf3", 16, bytes(8)),
        ("CAF", b"data", 4, bytes(8)),
        ("CAF", b"data", 4, b"\xff" * 8),
        ("AIFF", b"SSND", 4, bytes(4)),
        ("AU", b".snd", 8, bytes(4)),
        ("AU", b".snd", 8, b"\xff" * 4),
        ("RF64", b"ds64", 8, bytes(24)),
    ],
)
def test_samples_with_an_open_size_last_to_the_end(
    container: str, name: bytes, place: int, size: bytes
) -> None:
    data = made.sound(SIGNAL, container=container)
    at = data.index(name) + place
    found = read_sound(data[:at] + size + data[at + len(size) :])
    np.testing.assert_allclose(found[: len(SIGNAL)], SIGNAL, atol=2**-15)
    assert len(found) - len(SIGNAL) <= 40


MANY = 1_100_000
PARTS = {
    "chunks": b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * MANY,
    "elements": b"\x1a\x45\xdf\xa3\x80" + b"\xec\x80" * MANY,
    "boxes": b"\0\0\0\x0cftypisom" + b"\0\0\0\x08free" * MANY,
    "frames": b"#!AMR\n" + b"\x7c" * MANY,
    "tags": (b"ID3" + bytes(7)) * 2_000,
}


@pytest.mark.parametrize("data", PARTS.values(), ids=PARTS)
def test_a_file_of_too_many_parts_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="too many parts"):
        read_sound(data)


ID3 = b"ID3\4\0\0\0\0\1\0" + bytes(128)
TAILS = {
    "ID3v1": b"TAG" + bytes(125),
    "APE": b"APETAGEX" + b"\xd0\x07\0\0" + bytes(20) + b"cover\xff\xfb\x90\x00\xff\xd8\xff",
    "padding": bytes(300),
}
MP3 = made.sound(SIGNAL, container="MP3")


def mp3_frames() -> bytes:
    """Return the frames of an MP3 file without tags, and without the header Xing."""
    data = tracks.track(SIGNAL, 16_000, "mp3", "libmp3lame", options={"write_xing": "0"})
    return data[data.index(b"\xff\xf3") :]


@pytest.mark.parametrize("tail", TAILS.values(), ids=TAILS)
@pytest.mark.parametrize("head", [b"", ID3], ids=["bare", "ID3v2"])
def test_an_mp3_file_is_whole_with_any_tag(head: bytes, tail: bytes) -> None:
    for frames in (MP3, mp3_frames()):
        assert len(read_sound(head + frames + tail)) == pytest.approx(len(SIGNAL), abs=2_400)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8])
def test_half_an_mp3_file_is_cut(share: float) -> None:
    with pytest.raises(InvalidInput, match="cut off"):
        read_sound(MP3[: int(share * len(MP3))])


def test_an_mp3_file_that_lacks_whole_frames_is_cut_by_its_header() -> None:
    data = tracks.track(np.tile(SIGNAL, 4), 16_000, "mp3", "libmp3lame")
    assert b"Info" in data[:400] or b"Xing" in data[:400]
    assert read_sound(data).size
    # No frame has more bytes, so that some of the cuts are at the end of a frame.
    for cut in range(len(data) // 2, len(data) // 2 + 720):
        with pytest.raises(InvalidInput, match="cut off"):
            read_sound(data[:cut])


OPUS = made.sound(np.tile(SIGNAL, 6), container="OGG", subtype="OPUS")


def test_half_an_ogg_file_is_cut() -> None:
    for share in (0.2, 0.5, 0.9):
        with pytest.raises(InvalidInput, match="cut off"):
            read_sound(OPUS[: int(share * len(OPUS))])


def with_checksum(page: bytes) -> bytes:
    """Return ``page`` of an OGG file with its checksum (RFC 3533, section 6)."""
    page, remainder = page[:22] + bytes(4) + page[26:], 0
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1 ^ (0x04C1_1DB7 if remainder >> 31 else 0)) & 0xFFFF_FFFF
    return page[:22] + struct.pack("<I", remainder) + page[26:]


def test_an_ogg_file_without_the_flag_of_its_end_is_whole() -> None:
    """As Android writes it."""
    last = OPUS.rindex(b"OggS")
    assert OPUS[last + 5] & 4
    page = OPUS[last : last + 5] + bytes([OPUS[last + 5] & ~4]) + OPUS[last + 6 :]
    found = read_sound(OPUS[:last] + with_checksum(page))
    assert len(found) == pytest.approx(6 * len(SIGNAL), abs=1_000)


def test_a_flac_file_has_the_samples_that_it_declares() -> None:
    data = made.sound(np.tile(SIGNAL, 4), container="FLAC")
    with pytest.raises(InvalidInput, match=r"cut off: it has fewer than the .* samples"):
        read_sound(data[: len(data) // 2])
    # A writer into a pipe declares none: bits 4 to 40 of the five bytes from 21 on.
    streamed = data[:21] + bytes([data[21] & 0xF0]) + bytes(4) + data[26:]
    np.testing.assert_array_equal(read_sound(streamed), read_sound(data))
    with pytest.raises(InvalidInput, match="cut off or damaged"):
        read_sound(streamed[: 4 * len(data) // 5])
