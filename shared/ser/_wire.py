"""The wire format of Protocol Buffers, in which ONNX files are written.

Source: https://protobuf.dev/programming-guides/encoding/. Serving reads a few fields of a model
without the package ``onnx``, which would double its memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

VARINT, LENGTH_DELIMITED = 0, 2
FIXED = {1: 8, 5: 4}
"""Number of bytes of the other types of a field."""
CONTINUED = 0x80
"""Bit of each byte of an integer except its last one."""

Bytes = bytes | memoryview
Values = dict[int, list[memoryview]]
"""The values of a message by the numbers of their fields."""


class Field(NamedTuple):
    """A field of a message."""

    number: int
    value: memoryview
    """The bytes of the value; :func:`integers` decodes those of integers."""
    whole: memoryview
    """The value with its number and its length before it."""


def fields(message: Bytes) -> Iterator[Field]:
    """Yield the fields of ``message`` in their order, without copying their values.

    Raises
    ------
    ValueError
        ``message`` is cut, or in another format.
    """
    view, position = memoryview(message), 0
    while position < len(view):
        start = position
        tag, position = integer(view, position)
        number, kind = tag >> 3, tag & 7
        value = position
        if kind == VARINT:
            _, position = integer(view, position)
        elif kind == LENGTH_DELIMITED:
            length, value = integer(view, position)
            position = value + length
        elif kind in FIXED:
            position += FIXED[kind]
        else:
            raise ValueError(f"a field has the type {kind}; allowed: 0, 1, 2, 5")
        if position > len(view):
            raise ValueError(f"the file is cut in the field {number}")
        yield Field(number, view[value:position], view[start:position])


def parse(message: Bytes) -> Values:
    """Return the values of the fields of ``message`` by number."""
    found: Values = {}
    for field in fields(message):
        found.setdefault(field.number, []).append(field.value)
    return found


def integers(values: Bytes) -> Iterator[int]:
    """Yield the integers in the bytes of one or several values."""
    view, position = memoryview(values), 0
    while position < len(view):
        value, position = integer(view, position)
        yield value


def integer(view: memoryview, position: int) -> tuple[int, int]:
    """Return the integer at ``position``, and the position behind it."""
    value, shift = 0, 0
    for end in range(position, len(view)):
        value |= (view[end] & ~CONTINUED) << shift
        if not view[end] & CONTINUED:
            return value, end + 1
        shift += 7
    raise ValueError("the file is cut in an integer")


def encode_integer(number: int, value: int) -> bytes:
    """Return the field ``number`` with an integer from 0 on."""
    return encode_varint(number << 3 | VARINT) + encode_varint(value)


def encode(number: int, *values: Bytes) -> bytes:
    """Return the field ``number`` with a string, bytes or a message: ``values`` joined."""
    length = sum(len(value) for value in values)
    head = encode_varint(number << 3 | LENGTH_DELIMITED) + encode_varint(length)
    return b"".join([head, *values])


def encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= CONTINUED:
        encoded.append(value & ~CONTINUED & 0xFF | CONTINUED)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
