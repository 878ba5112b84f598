"""Objects in JSON that have a key twice, which msgspec does not report.

Two readers of such an object may each take another value: a gateway that checks it, and the
function that obeys it.
"""

from __future__ import annotations

import re

from ser.service.problems import UnreadableRequest

BACKSLASHES = 2**12
"""Largest number of backslashes in a row."""
MAX_QUOTES = 200_000
"""Largest number of quotation marks that are part of a string."""
KEY_END = re.compile(rb"[ \t\r\n]*:")


def require_single_keys(text: bytes, value: object) -> None:
    """Raise :class:`UnreadableRequest` if an object has a key twice.

    Parameters
    ----------
    text
        Valid JSON.
    value
        The value that ``text`` was decoded to.
    """
    if count_written_keys(text) != count_keys(value):
        raise UnreadableRequest("An object of the body has a key twice; allowed: each key once.")


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
        raise UnreadableRequest(f'The body has too many \\"; allowed: at most {MAX_QUOTES:,}.')
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
            raise UnreadableRequest(
                f"The body has too many backslashes in a row; allowed: at most {BACKSLASHES - 1:,}."
            )
        start = quote + 1
        if backslashes % 2 == 0:
            return start
