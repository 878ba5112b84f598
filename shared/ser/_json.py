"""JSON from callers: bounded, and with each key once, which msgspec does not check.

Two readers of an object that has a key twice may each take another value: a gateway that checks it,
and the function that obeys it.
"""

from __future__ import annotations

import re

import msgspec

from ser.errors import InvalidInput

MAX_VALUES = 100_000
"""Largest number of values in a text; each takes memory beside the text."""
BACKSLASHES = 2**12
"""Largest number of backslashes in a row."""
MAX_QUOTES = 200_000
"""Largest number of quotation marks that are part of a string."""
KEY_END = re.compile(rb"[ \t\r\n]*:")


class NotJSON(Exception):
    """A text that is not JSON; the message names the position."""


def decode_json(text: bytes) -> object:
    """Return the value of ``text``.

    Raises
    ------
    NotJSON
        ``text`` is not JSON in UTF-8, or is nested too deeply.
    InvalidInput
        It has more than :data:`MAX_VALUES` values, or an object in it has a key twice.
    """
    if sum(text.count(character) for character in (b",", b"[", b"{")) > MAX_VALUES:
        raise InvalidInput(f"too many values; allowed: at most {MAX_VALUES:,}")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJSON(str(error)) from error
    require_single_keys(text, value)
    return value


def require_single_keys(text: bytes, value: object) -> None:
    """Raise :class:`InvalidInput` if an object has a key twice.

    Parameters
    ----------
    text
        Valid JSON.
    value
        The value that ``text`` was decoded to.
    """
    if count_written_keys(text) != count_keys(value):
        raise InvalidInput("an object has a key twice; allowed: each key once")


def count_keys(value: object) -> int:
    """Return the number of keys of all objects in ``value``."""
    count, left = 0, [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            count += len(each)
            left += each.values()
        elif isinstance(each, list):
            left += each
    return count


def count_written_keys(text: bytes) -> int:
    """Return the number of keys that are written in ``text``, valid JSON.

    Strings of 100 MB are skipped at once: a key is a string that a colon follows.
    """
    if text.count(b'\\"') > MAX_QUOTES:
        raise InvalidInput(f'too many \\"; allowed: at most {MAX_QUOTES:,}')
    count, start = 0, text.find(b'"')
    while start >= 0:
        end = end_of_string(text, start + 1)
        count += KEY_END.match(text, end) is not None
        start = text.find(b'"', end)
    return count


def end_of_string(text: bytes, start: int) -> int:
    """Return the position behind the string whose characters begin at ``start``."""
    while True:
        quote = text.index(b'"', start)
        before = text[max(start, quote - BACKSLASHES) : quote]
        backslashes = len(before) - len(before.rstrip(b"\\"))
        if backslashes == BACKSLASHES:
            raise InvalidInput(
                f"too many backslashes in a row; allowed: at most {BACKSLASHES - 1:,}"
            )
        start = quote + 1
        if backslashes % 2 == 0:
            return start
