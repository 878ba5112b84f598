"""Mutations of payloads: of any bytes, of JSON, and of protocol buffers.

Each function takes a random generator, a payload and another payload of the same parser, and
returns the mutated payload. The same state of the generator gives the same bytes.
"""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[Random, bytes, bytes], bytes]

MAX_BYTES = 2_000_000
"""Largest size of a mutated payload; larger ones are cut."""
EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000)
TOKENS = (
    *(b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", b"\xef\xbb\xbf", "\u202e".encode(), b"\r\n"),
    *(
        b"../",
        b"..%2f",
        b"/etc/passwd",
        b"%00",
        b"%",
        b"{",
        b"[",
        b'"',
        b"'",
        b",",
        b";",
        b"=",
        b":",
    ),
    *(b"NaN", b"1e999", b"-0", b"1e-320", b"9" * 400, b"true", b"null", b"\\ud800", b"A" * 5000),
    *(b"[::ffff:169.254.169.254]", b"0x7f.1", b"@", b"#", b"//", b"\\", b"xn--", b":99999", b" "),
)


def mutate_bytes(random: Random, data: bytes, other: bytes) -> bytes:
    """Return ``data`` after one to eight changes of bits, integers, parts and its length."""
    for _ in range(min(8, 1 + int(random.expovariate(0.7)))):
        data = random.choice(BYTE_CHANGES)(random, bytearray(data), other)[:MAX_BYTES]
    return data


def mutate_json(random: Random, data: bytes, other: bytes) -> bytes:
    """Return JSON like ``data`` with changed values, names and nesting; some of it broken."""
    if random.random() < 0.2:
        return mutate_bytes(random, data, other)
    value, donor = json.loads(data), json.loads(other)
    for _ in range(1 + int(random.expovariate(1))):
        value = change_value(random, value, donor)
    text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.1 and text.startswith("{") and len(text) > 2:
        text = f"{{{text[1:-1]}, {text[1:]}"  # every name twice
    changed = text.encode(errors="surrogatepass")
    return mutate_bytes(random, changed, other) if random.random() < 0.2 else changed[:MAX_BYTES]


def mutate_protobuf(random: Random, data: bytes, other: bytes) -> bytes:
    """Return an ONNX model like ``data`` with changed fields at any depth; some of it broken."""
    import onnx

    if random.random() < 0.3:
        return mutate_bytes(random, data, other)
    model = onnx.ModelProto.FromString(data)
    for _ in range(1 + int(random.expovariate(1))):
        change_message(random, model)
    changed: bytes = model.SerializePartialToString()
    return mutate_bytes(random, changed, other) if random.random() < 0.1 else changed


def flip(random: Random, data: bytearray, _other: bytes) -> bytes:
    for _ in range(random.choice((1, 1, 1, 4, 32))):
        if data:
            data[place_in(random, data)] ^= 1 << random.randrange(8)
    return bytes(data)


def write_integer(random: Random, data: bytearray, _other: bytes) -> bytes:
    """Overwrite what may be a length, a count or an offset."""
    size = random.choice("BHIQ")
    width = struct.calcsize(size)
    limit = 256**width
    near = len(data) + random.randint(-9, 9)
    value = random.choice((*EXTREMES, limit - 1, limit // 2, near, random.randrange(limit)))
    place = place_in(random, data)
    data[place : place + width] = struct.pack(random.choice("<>") + size, value % limit)
    return bytes(data)


def truncate(random: Random, data: bytearray, _other: bytes) -> bytes:
    return bytes(data[: random.randrange(len(data) + 1)])


def remove(random: Random, data: bytearray, _other: bytes) -> bytes:
    start, end = slice_of(random, data)
    del data[start:end]
    return bytes(data)


def repeat(random: Random, data: bytearray, _other: bytes) -> bytes:
    start, end = slice_of(random, data)
    part = bytes(data[start:end])
    data[end:end] = part * min(random.choice((1, 2, 16, 1000)), MAX_BYTES // (len(part) + 1))
    return bytes(data)


def insert(random: Random, data: bytearray, _other: bytes) -> bytes:
    place = place_in(random, data)
    token = random.choice((*TOKENS, random.randbytes(random.randint(1, 16))))
    data[place : place + random.choice((0, len(token)))] = token
    return bytes(data)


def splice(random: Random, data: bytearray, other: bytes) -> bytes:
    return bytes(data[: place_in(random, data)]) + other[place_in(random, other) :]


def move(random: Random, data: bytearray, other: bytes) -> bytes:
    start, end = slice_of(random, other)
    place = place_in(random, data)
    data[place : place + random.choice((0, end - start))] = other[start:end]
    return bytes(data)


BYTE_CHANGES: tuple[Callable[[Random, bytearray, bytes], bytes], ...] = (
    *(flip, flip, write_integer, write_integer, truncate, remove),
    *(repeat, insert, splice, move),
)


def place_in(random: Random, data: bytes | bytearray) -> int:
    """Return a position; every second one is near the beginning or the end, where headers are."""
    size = len(data)
    if not size:
        return 0
    if random.random() < 0.5:
        near = random.randrange(min(size, 256))
        return near if random.random() < 0.7 else size - 1 - near
    return random.randrange(size)


def slice_of(random: Random, data: bytes | bytearray) -> tuple[int, int]:
    start = place_in(random, data)
    return start, min(len(data), start + random.choice((1, 2, 4, 16, 256, 4096)))


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


def extreme_value(random: Random) -> Any:
    """Return a JSON value that programs seldom expect."""
    return random.choice(
        (
            *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**62, 2**63, 2**64, 10**400),
            *(0.5, -0.0, 1e308, 1e-300, float("nan"), float("inf"), -float("inf")),
            *("", " ", "\0", "\ud800", "\U0001f600", "A" * 5000, "../../etc/passwd", "\u202e"),
            *("1e999", "true", "s3://", "file:///", "http://[::ffff:169.254.169.254]/x", "{}", "["),
            *([], {}, [[]], {"": None}, {"__proto__": 1}, nested(100), [0] * 2000, [{}] * 300),
        )
    )


def change_value(random: Random, value: Any, donor: Any) -> Any:
    """Return ``value`` with one change at any depth."""
    if isinstance(value, dict | list) and value and random.random() < 0.85:
        key = random.choice([*value]) if isinstance(value, dict) else random.randrange(len(value))
        if random.random() < 0.6:
            value[key] = change_value(random, value[key], donor)
        else:
            change_member(random, value, key, donor)
        return value
    if isinstance(value, str) and random.random() < 0.5:
        return mutate_bytes(random, value.encode(errors="replace"), b"").decode(errors="replace")
    if isinstance(value, int | float) and random.random() < 0.4:
        return random.choice((-value, value + 1, value * 10**6, value // 1000, str(value), [value]))
    return part_of(random, donor) if random.random() < 0.2 else extreme_value(random)


def change_member(random: Random, value: Any, key: Any, donor: Any) -> None:
    """Remove, replace, rename or repeat a member of an object or a list."""
    match random.randrange(4):
        case 0:
            del value[key]
        case 1:
            value[key] = part_of(random, donor)
        case 2 if isinstance(value, dict):
            value[random.choice(("", "\0", "id", str(key).upper(), "A" * 300))] = value.pop(key)
        case 2 | 3 if isinstance(value, list):
            value.extend(copy.deepcopy(value[key]) for _ in range(random.choice((1, 3, 300))))
        case _:
            value[key] = extreme_value(random)


def part_of(random: Random, value: Any) -> Any:
    """Return a copy of a random part of ``value``."""
    while isinstance(value, dict | list) and value and random.random() < 0.7:
        value = random.choice([*value.values()] if isinstance(value, dict) else value)
    return copy.deepcopy(value)


def change_message(random: Random, message: Any) -> None:
    """Change one field of a protocol buffer at any depth."""
    present = [field for field, _ in message.ListFields()]
    inner = [field for field in present if field.message_type]
    if inner and random.random() < 0.75:
        field = random.choice(inner)
        value = getattr(message, field.name)
        if not is_repeated(field):
            change_message(random, value)
        elif random.random() < 0.15:
            change_repeated(random, value)
        else:
            change_message(random, random.choice(value))
        return
    absent_too = not present or random.random() < 0.2
    field = random.choice([*message.DESCRIPTOR.fields] if absent_too else present)
    if random.random() < 0.15:
        message.ClearField(field.name)
    elif is_repeated(field):
        change_repeated(random, getattr(message, field.name))
    elif not field.message_type:
        set_scalar(random, message, field)


def is_repeated(field: Any) -> bool:
    return bool(field.is_repeated)


def change_repeated(random: Random, values: Any) -> None:
    """Remove, repeat or reorder the values of a repeated field."""
    if not values:
        return
    index = random.randrange(len(values))
    match random.randrange(3):
        case 0:
            del values[index]
        case 1:
            copies = [copy.deepcopy(values[index]) for _ in range(random.choice((1, 2, 50)))]
            values.extend(copies)
        case _:
            shuffled = [copy.deepcopy(value) for value in values]
            random.shuffle(shuffled)
            del values[:]
            values.extend(shuffled)


def set_scalar(random: Random, message: Any, field: Any) -> None:
    """Set a field that is a number, a text or bytes to another value of its type."""
    value = getattr(message, field.name)
    if isinstance(value, bytes):
        setattr(message, field.name, mutate_bytes(random, value, b"\0" * 16))
    elif isinstance(value, str):
        texts = ("", "Loop", "If", "waveform", "probabilities", "\0", "ai.onnx.ml", "/etc/passwd")
        setattr(message, field.name, random.choice(texts))
    else:
        number = random.choice((0, 1, -1, 2, 7, 100, 2**31 - 1, 2**62, -(2**63), value))
        # A value out of the range of the type is refused.
        try:
            setattr(message, field.name, number)
        except (TypeError, ValueError):
            message.ClearField(field.name)
