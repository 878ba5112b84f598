"""Streams of frames: MPEG audio (MP3), ADTS (AAC) and AMR.

Sources of the layouts: ISO/IEC 11172-3 and 13818-3 (MPEG audio), ISO/IEC 14496-3 (ADTS), RFC 4867
(AMR); the headers Xing, Info and VBRI as LAME and Fraunhofer write them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ser.sounds._refusing import steps

LengthAt = Callable[[bytes, int], int]
"""A function from a file and a position to the length in bytes of the frame there; 0: no frame."""

BIT_RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Bit rates in kbit/s by version (1; 2 and 2.5) and layer; layer 3 of version 2 is as layer 2."""
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Sampling rates by the bits of the version: 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5."""
AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 1, 1, 1, 1, 1, 1, 1)
AMR_WB_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 1, 1, 1, 1, 1, 1)
"""Bytes of a frame by its type, with its header."""
LONGEST_HEADER = 7
"""Bytes of the header of an ADTS frame."""


class Frames(NamedTuple):
    """The frames of a stream."""

    total: int
    end: int
    """Where the last frame ends, or would end if the file did not end before; of a frame that
    breaks off within its header, one byte more than there are."""


def walk(data: bytes, start: int, length_at: LengthAt) -> Frames:
    """Return the frames of ``data`` from ``start`` on; what lies between frames is passed over."""
    total, position, end, parts = 0, start, start, steps()
    while position < len(data):
        next(parts)
        if length := length_at(data, position):
            total += 1
            position = end = position + length
        else:
            position = next_frame(data, position + 1, length_at)
    breaks_off = 0 < len(data) - end < LONGEST_HEADER and data[end] == 0xFF
    return Frames(total, len(data) + 1 if breaks_off else end)


def next_frame(data: bytes, position: int, length_at: LengthAt) -> int:
    """Return the position of the next of two consecutive frames; the length of ``data`` if none.

    Tags at the end of a file contain bytes that look like one frame.
    """
    while 0 <= (position := data.find(b"\xff", position)) < len(data):
        length = length_at(data, position)
        if length and length_at(data, position + length):
            return position
        position += 1
    return len(data)


def skip_id3(data: bytes) -> int:
    """Return the position after the ID3v2 tags with which ``data`` begins; 0 without one."""
    position, parts = 0, steps(1_000)
    while data[position : position + 3] == b"ID3" and len(data) >= position + 10:
        next(parts)
        size = 0
        for byte in data[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        footer = 10 if data[position + 5] & 0x10 else 0
        position += 10 + size + footer
    return position


def mpeg_length(data: bytes, position: int) -> int:
    """Return the length of the frame of MPEG audio at ``position``; 0 if there is none.

    A frame of free format does not state its length, and counts as none.
    """
    header = int.from_bytes(data[position : position + 4], "big")
    version, layer = header >> 19 & 3, 4 - (header >> 17 & 3)
    bit_rate, rate, padding = header >> 12 & 15, header >> 10 & 3, header >> 9 & 1
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or bit_rate in (0, 15) or rate == 3:
        return 0
    old = version == 3
    table = BIT_RATES[1 if old else 2, layer if old else min(layer, 2)]
    bits, frequency = 1000 * table[bit_rate - 1], RATES[version][rate]
    if layer == 1:
        return (12 * bits // frequency + padding) * 4
    return (144 if old or layer == 2 else 72) * bits // frequency + padding


def like_first(data: bytes, start: int) -> LengthAt:
    """Return :func:`mpeg_length` for frames of the version, layer and rate of that at ``start``."""
    mask = 0xFFFE_0C00
    first = int.from_bytes(data[start : start + 4], "big") & mask

    def length_at(data: bytes, position: int) -> int:
        header = int.from_bytes(data[position : position + 4], "big")
        return mpeg_length(data, position) if header & mask == first else 0

    return length_at


def declared_mpeg_frames(data: bytes, start: int) -> int:
    """Return the number of frames that the header in the frame at ``start`` declares.

    That frame is not counted; 0 if it is a frame of sound.
    """
    frame = data[start : start + mpeg_length(data, start)]
    for name in (b"Xing", b"Info"):
        place = frame.find(name, 4, 48)
        if place > 0 and len(frame) >= place + 12 and frame[place + 7] & 1:
            return int.from_bytes(frame[place + 8 : place + 12], "big")
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        return int.from_bytes(frame[50:54], "big")
    return 0


def adts_length(data: bytes, position: int) -> int:
    """Return the length of the ADTS frame at ``position``; 0 if there is none."""
    header = data[position : position + 7]
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def amr_length(data: bytes, position: int) -> int:
    """Return the length of the AMR frame at ``position``."""
    return AMR_BYTES[data[position] >> 3 & 15]


def amr_wb_length(data: bytes, position: int) -> int:
    """Return the length of the AMR-WB frame at ``position``."""
    return AMR_WB_BYTES[data[position] >> 3 & 15]
