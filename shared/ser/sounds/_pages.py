"""The pages of OGG files (RFC 3533)."""

from __future__ import annotations

import zlib
from typing import NamedTuple

from ser.sounds._refusing import steps

HEADER = 27
"""Bytes of the header of a page, before the table of its segments."""
FLAGS, CHECKSUM = 5, 22
"""Positions in a page."""
LAST = 4
"""Flag of the last page of a stream."""
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in the opposite order."""


class Page(NamedTuple):
    """The position of a page."""

    start: int
    end: int
    """Where the page ends, or would end if the file did not end before; one byte more than there
    are if it breaks off within its header."""
    continues: bool
    """Whether its last packet continues on another page."""


def last_page(data: bytes) -> Page:
    """Return the last page of ``data``; what lies between pages is passed over."""
    page = Page(0, 0, False)
    position, parts = 0, steps()
    while (position := data.find(b"OggS", position)) >= 0:
        next(parts)
        table = position + HEADER
        body = table + (data[table - 1] if table <= len(data) else 1)
        if body > len(data):
            return Page(position, len(data) + 1, False)
        segments = data[table:body]
        page = Page(position, body + sum(segments), segments[-1:] == b"\xff")
        position = page.end
    rest = data[page.end :]
    return page._replace(end=len(data) + 1) if rest and b"OggS".startswith(rest) else page


def ogg_end(data: bytes) -> int:
    """Return where the last page of ``data`` ends, or would end if the file did not end before.

    A packet that continues on a missing page counts one byte more. The flag of the last page
    decides nothing, since the writer of Android never sets it
    (https://github.com/chenxiaolong/BCR/pull/922).
    """
    page = last_page(data)
    return page.end + page.continues


def with_last_flag(data: bytes) -> bytes:
    """Return ``data``, or a copy with the flag of the last page if its writer did not set it.

    libsndfile takes Opus without it for malformed.
    """
    start, end, _ = last_page(data)
    if end == 0 or data[start + FLAGS] & LAST:
        return data
    page = bytearray(data[start:end])
    page[FLAGS] |= LAST
    page[CHECKSUM : CHECKSUM + 4] = bytes(4)
    page[CHECKSUM : CHECKSUM + 4] = checksum(bytes(page)).to_bytes(4, "little")
    return b"".join((data[:start], page, data[end:]))


def checksum(page: bytes) -> int:
    """Return the checksum of ``page``: that of zlib on reversed bits, from 0 on, not inverted."""
    reversed_bits = zlib.crc32(page.translate(REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{reversed_bits:032b}"[::-1], 2)
