"""Headers of rarer containers that declare the length of their samples.

Sources of the layouts: the files that libsndfile and sox write, and the descriptions of AU (Sun),
SPHERE (NIST), VOC (Creative) and MAT (MathWorks).
"""

from __future__ import annotations

import re
from typing import Literal

from ser.sounds._chunks import is_plausible
from ser.sounds._refusing import steps


def number(data: bytes, at: int, order: Literal["little", "big"] = "big", size: int = 4) -> int:
    """Return the unsigned number in ``size`` bytes of ``data``."""
    return int.from_bytes(data[at : at + size], order)


def au_end(data: bytes) -> int:
    """Return where the samples of an AU file end; 0 if its header does not say so."""
    order: Literal["little", "big"] = "big" if data[:1] == b"." else "little"
    size = number(data, 8, order)
    return number(data, 4, order) + size if is_plausible(size) else 0


def avr_end(data: bytes) -> int:
    """Return where the samples of an AVR file end."""
    channels = 2 if number(data, 12, size=2) else 1
    return 128 + number(data, 26) * channels * number(data, 14, size=2) // 8


def wve_end(data: bytes) -> int:
    """Return where the samples of a WVE file end."""
    return 32 + number(data, 18)


def mpc_end(data: bytes) -> int:
    """Return where the samples of an MPC file end."""
    return 42 + 2 * number(data, 30, "little") * (1 + (data[21:22] == b"\1"))


def mat4_end(data: bytes) -> int:
    """Return where the last matrix of a MAT file of version 4 ends."""
    order: Literal["little", "big"] = "big" if data[:4] == b"\0\0\x03\xe8" else "little"
    position, parts = 0, steps(100_000)
    while position + 20 <= len(data):
        next(parts)
        kind, rows, columns, imaginary, name = (
            number(data, position + 4 * index, order) for index in range(5)
        )
        width = {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}.get(kind % 100 // 10, 0)
        position += 20 + name + rows * columns * width * (1 + (imaginary == 1))
    return position


def mat5_end(data: bytes) -> int:
    """Return where the numbers of the last matrix in a MAT file of version 5 end.

    A matrix consists of four elements: its flags, its dimensions, its name and its numbers.
    """
    order: Literal["little", "big"] = "little" if data[126:128] == b"IM" else "big"
    position, end, parts = 128, 0, steps(100_000)
    while position + 8 <= len(data):
        next(parts)
        numbers = position + 8
        for _ in range(3):
            size = number(data, numbers + 4, order)
            # The tag of a short element contains the element itself.
            short = number(data, numbers, order) >> 16
            numbers += 8 if short else 8 + size + -size % 8
        short = number(data, numbers, order) >> 16
        end = numbers + 8 + (0 if short else number(data, numbers + 4, order))
        position += 8 + number(data, position + 4, order)
    return end


def sds_end(data: bytes) -> int:
    """Return where the last packet of a MIDI sample dump ends; numbers have seven bits a byte."""
    samples = data[10] | data[11] << 7 | data[12] << 14 if len(data) > 12 else 0
    per_packet = 120 // max(1, -(-data[6] // 7)) if len(data) > 6 else 1
    return 21 + 127 * -(-samples // per_packet)


def voc_end(data: bytes) -> int:
    """Return where the first block of samples in a VOC file ends."""
    position, parts = number(data, 20, "little", 2), steps(100_000)
    while position < len(data):
        next(parts)
        end = position + 4 + number(data, position + 1, "little", 3)
        # Samples of the old and of the new kind; the number of a block that ends the file is 0.
        if data[position] in (0, 1, 9):
            return end if data[position] else 0
        position = end
    return 0


def nist_end(data: bytes) -> int:
    """Return where the samples of a NIST file end; 0 if its header does not say so."""
    header = data[8:16].strip()
    # Some writers declare numbers as strings, such as libsndfile the width of A-law.
    fields = dict(re.findall(rb"(\w+) -(?:i|s\d+) (\d+)", data[:1024]))
    wanted = (b"sample_count", b"channel_count", b"sample_n_bytes")
    if not header.isdigit() or not fields.keys() >= set(wanted):
        return 0
    frames, channels, width = (int(fields[name]) for name in wanted)
    return int(header) + frames * channels * width
