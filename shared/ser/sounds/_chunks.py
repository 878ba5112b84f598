"""Files made of parts with a size: the chunks of RIFF and its relatives, boxes, elements.

Sources of the layouts: Multimedia Programming Interface and Data Specifications 1.0 (RIFF), EBU
Tech 3306 (RF64), Apple's specifications of AIFF, CAF and QuickTime, ISO/IEC 14496-12 (boxes),
RFC 8794 (EBML).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from ser.sounds._refusing import steps

GIB = 2**30
HEADER = 128
"""Bytes of the longest usual header; some writers count theirs among the samples."""


class Layout(NamedTuple):
    """Where the chunks of a kind of file are, and how they state their size."""

    start: int
    """Position of the first chunk."""
    samples: tuple[bytes, ...]
    """Names of the chunk that contains the samples."""
    order: Literal["little", "big"] = "little"
    name_bytes: int = 4
    size_bytes: int = 4
    header_counts: bool = False
    """Whether a size includes the header of the chunk."""
    align: int = 2


RIFF = Layout(12, (b"data",))
RIFX = RIFF._replace(order="big")
AIFF = Layout(12, (b"SSND", b"BODY"), "big")
CAF = Layout(8, (b"data",), "big", size_bytes=8, align=1)
W64 = Layout(
    40,
    (b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a",),
    name_bytes=16,
    size_bytes=8,
    header_counts=True,
    align=8,
)
LAYOUTS = {b"RIFX": RIFX, b"FORM": AIFF, b"caff": CAF, b"riff": W64}
"""Layouts by the first four bytes of a file; others are as RIFF."""


class Chunk(NamedTuple):
    """A chunk of a file."""

    name: bytes
    start: int
    """Position of its content."""
    size: int
    """Declared size of its content in bytes, which may be no size at all."""


def chunks(data: bytes, layout: Layout) -> Iterator[Chunk]:
    """Yield the chunks of ``data`` up to one whose header is incomplete."""
    position, header = layout.start, layout.name_bytes + layout.size_bytes
    parts = steps(100_000)
    while position + header <= len(data):
        next(parts)
        name = data[position : position + layout.name_bytes]
        field = data[position + layout.name_bytes : position + header]
        size = int.from_bytes(field, layout.order) - (header if layout.header_counts else 0)
        yield Chunk(name, position + header, size)
        end = position + header + max(size, 0)
        position = end + -end % layout.align


def is_name(text: bytes) -> bool:
    """Return whether ``text`` can be the name of a chunk."""
    return len(text) == 4 and all(0x20 <= byte < 0x7F for byte in text)


def is_plausible(size: int) -> bool:
    """Return whether a declared ``size`` in bytes was meant as one.

    Programs that write to a pipe, or that stop before they close the file, leave 0 or a number
    near 2 or 4 GB: 0x7FFFF000 (sox, espeak), 2000000000, 0x7FFFFFFF, 0xFFFFFFFF.
    """
    return 0 < size < GIB


def samples_chunk(data: bytes) -> Chunk | None:
    """Return the chunk of ``data`` that contains the samples; ``None`` if there is none.

    Its size is that of the chunk ``ds64`` in RF64, where that of the chunk itself has no bits left.
    """
    layout, long_size = LAYOUTS.get(data[:4], RIFF), 0
    for chunk in chunks(data, layout):
        if chunk.name == b"ds64":
            long_size = int.from_bytes(data[chunk.start + 8 : chunk.start + 16], "little")
        if chunk.name in layout.samples:
            return chunk._replace(size=long_size) if chunk.size == 2**32 - 1 else chunk
        if chunk.name == b"LIST" and data[chunk.start : chunk.start + 4] == b"movi":
            return chunk
    return None


def chunk_end(data: bytes) -> int:
    """Return where the samples of ``data`` end by the size of their chunk; 0 if it is unknown.

    A chunk that lacks fewer bytes than the header has is whole.
    """
    if (chunk := samples_chunk(data)) is None:
        return len(data) + 1
    if not is_plausible(chunk.size):
        return 0
    end = chunk.start + chunk.size
    return 0 if end - len(data) <= min(chunk.start, HEADER) else end


def with_sizes(data: bytes) -> bytes:
    """Return ``data``, or a copy with the real sizes if its writer left them open.

    libsndfile reads no sample of a chunk with the size 0.
    """
    chunk, layout = samples_chunk(data), LAYOUTS.get(data[:4], RIFF)
    if chunk is None or is_plausible(chunk.size):
        return data
    wide = layout.size_bytes
    places = {chunk.start - wide: len(data) - chunk.start}
    if layout is not CAF:
        places[layout.name_bytes] = len(data) - layout.name_bytes - wide
    counted = layout.name_bytes + wide if layout.header_counts else 0
    copy = bytearray(data)
    if data.startswith(b"RF64"):
        # The long sizes of RF64, which are open as well, have no meaning in RIFF.
        copy[:4] = b"RIFF"
    for place, size in places.items():
        field = min(size + counted, 256**wide - 1).to_bytes(wide, layout.order)
        copy[place : place + wide] = field
    return bytes(copy)


def box_end(data: bytes) -> int:
    """Return where the last box of an ISO base media file ends by its size.

    A file without the box that describes the sound was cut before it.
    """
    position, described, parts = 0, False, steps()
    while position + 8 <= len(data) and is_name(data[position + 4 : position + 8]):
        next(parts)
        size = int.from_bytes(data[position : position + 4], "big")
        described = described or data[position + 4 : position + 8] == b"moov"
        if size == 1:
            size = int.from_bytes(data[position + 8 : position + 16], "big")
        if size == 0:
            position = len(data)
        elif size < 8:
            break
        position += size
    return max(position, 0 if described else len(data) + 1)


def element_end(data: bytes) -> int:
    """Return where the last element of a Matroska file ends by its size.

    Recorders that write a stream leave the sizes of the segment and of its clusters unknown; then
    those of the blocks inside count.
    """
    position, parts = 0, steps()
    while position < len(data):
        next(parts)
        name_bytes = 9 - data[position].bit_length()
        size_at = position + name_bytes
        if name_bytes > 4:
            break
        if size_at >= len(data):
            return len(data) + 1
        size_bytes = 9 - data[size_at].bit_length()
        if size_bytes > 8:
            break
        if size_at + size_bytes > len(data):
            return len(data) + 1
        bits = 7 * size_bytes
        size = int.from_bytes(data[size_at : size_at + size_bytes], "big") & (1 << bits) - 1
        position = size_at + size_bytes + (0 if size == (1 << bits) - 1 else size)
    return position
