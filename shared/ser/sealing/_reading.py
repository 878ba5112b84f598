"""Strict reading of ONNX's messages in the wire format of Protocol Buffers.

Parsers of protobuf skip unknown fields, and let the last of repeated values win, or merge them
(https://protobuf.dev/programming-guides/encoding/#last-one-wins). A message that is read here has
known fields only, each of its type, and single ones at most once; so every parser finds the same
values in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser.sealing._messages import FIXED, PART, VARINT, Table

CONTINUED = 0x80
LONG = 64
"""Number of bytes from which a list of numbers is read in one step."""
WINDOW = 1 << 20
"""Number of bytes that are decoded in one step."""

Span = tuple[int, int]
"""Begin and end of a value in the file."""
Message = Mapping[str, Any]
"""The values of a message by the names of their fields: integers, spans, positions of floats; a
list of them for each repeated field; arrays in the place of long lists of integers."""


class UnsafeModel(ValueError):
    """A file that is not run, with the reason."""


def read(data: bytes, span: Span, kind: Table) -> dict[str, Any]:
    """Return the message in ``span`` of ``data``.

    Raises
    ------
    UnsafeModel
        The message is cut, has a field that is not in ``kind`` or of another type, or has a single
        field twice.
    """
    position, end = span
    fields, long = kind.fields, kind.long
    found: dict[str, Any] = {}
    try:
        while position < end:
            tag = data[position]
            position += 1
            if tag >= CONTINUED:
                if not 0 < data[position] < CONTINUED:
                    raise UnsafeModel(f"{kind.message} has a field that ONNX does not have")
                tag = tag & 0x7F | data[position] << 7
                position += 1
            field = fields.get(tag)
            if field is None:
                raise unknown(tag, kind)
            name, repeated = field
            value: Any
            wire = tag & 7
            if wire == PART:
                length = data[position]
                position += 1
                if length >= CONTINUED:
                    length, position = varint(data, position - 1)
                value = (position, position + length)
                position += length
            elif wire == VARINT:
                value = data[position]
                position += 1
                if value >= CONTINUED:
                    value, position = varint(data, position - 1)
            else:
                value = position
                position += 4
            if position > end:
                raise UnsafeModel(f"{kind.message} is cut in its field {name}")
            if not repeated:
                if name in found:
                    raise UnsafeModel(f"{kind.message} has its field {name} twice")
                found[name] = value
            elif name not in found:
                found[name] = [value]
                if long and wire != PART and end - position >= LONG:
                    run, position = numbers(data, position, end, tag)
                    found[name] += run
            elif long and wire != PART and end - position >= LONG:
                # Otherwise a list in many pieces would be searched once for each of them.
                raise UnsafeModel(f"{kind.message} has its field {name} in pieces")
            else:
                found[name].append(value)
    except IndexError:
        raise UnsafeModel(f"{kind.message} is cut") from None
    return found


def unknown(tag: int, kind: Table) -> UnsafeModel:
    """Return the error for a field that is not in ``kind``."""
    number, wire = tag >> 3, tag & 7
    if words := kind.refused.get(number):
        return UnsafeModel(f"{kind.message} has {words}; allowed: none")
    if names := [field.name for each, field in kind.fields.items() if each >> 3 == number]:
        return UnsafeModel(f"the field {names[0]} of {kind.message} has the type {wire}")
    return UnsafeModel(f"{kind.message} has the field {number}, which ONNX does not have")


def varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the integer at ``position``, 64 bits without sign, and the position behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < CONTINUED:
            break
        shift += 7
    if value >= 1 << 64 or shift > 63:
        raise UnsafeModel("an integer has more than 64 bits")
    return value, position


def numbers(data: bytes, position: int, end: int, tag: int) -> tuple[list[Any], int]:
    """Return the values of the field ``tag`` that begin at ``position`` and follow each other, and
    the position behind them: arrays of integers, or nothing for floats."""
    if tag & 7 == FIXED:
        tags = np.frombuffer(data, np.uint8, end - position, position)[::5]
        others = np.flatnonzero(tags != tag)
        return [], position + 5 * (int(others[0]) if len(others) else (end - position) // 5)
    runs: list[Any] = []
    window = LONG
    while position < end:
        run, behind = integers(data, position, min(end, position + window), tag)
        if not len(run):
            break
        runs.append(run)
        position = behind
        window = min(8 * window, WINDOW)
    return runs, position


def integers(data: bytes, position: int, end: int, tag: int) -> tuple[NDArray[np.uint64], int]:
    """Return the integers of the field ``tag`` that follow each other from ``position`` on, and the
    position behind them."""
    octets = np.frombuffer(data, np.uint8, end - position, position)
    last = np.flatnonzero(octets < CONTINUED)
    first = np.concatenate([[0], last[:-1] + 1]) if len(last) else last
    # Each number follows its tag, which is an integer of one byte too.
    pairs = len(last) // 2
    tags = (octets[first[: 2 * pairs : 2]] == tag) & (first == last)[: 2 * pairs : 2]
    count = pairs if tags.all() else int(np.argmin(tags))
    begins, ends = first[1 : 2 * count : 2], last[1 : 2 * count : 2]
    if not count:
        return np.zeros(0, np.uint64), position
    if (ends - begins).max() > 9:
        raise UnsafeModel("an integer has more than 64 bits")
    used = octets[: ends[-1] + 1]
    places = np.arange(len(used)) - np.repeat(first[: 2 * count], (last - first + 1)[: 2 * count])
    shifted = (used & 0x7F).astype(np.uint64) << (7 * places).astype(np.uint64)
    values = np.add.reduceat(shifted, first[: 2 * count])[1::2]
    return values, position + int(ends[-1]) + 1


def text(data: bytes, span: Span, most: int) -> str:
    """Return the text in ``span``, at most ``most`` bytes."""
    begin, end = span
    if end - begin > most:
        raise UnsafeModel(f"a text has {end - begin:,} bytes; allowed: {most:,}")
    try:
        return data[begin:end].decode()
    except UnicodeDecodeError:
        raise UnsafeModel(f"{data[begin:end][:40]!r} is not a text in UTF-8") from None
