"""Refusal of files that decoders cannot read, and of those made to occupy them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat

from ser.errors import InvalidInput, SerError


@contextmanager
def refusing(reason: str) -> Iterator[None]:
    """Raise :class:`InvalidInput` with ``reason`` for every error of a decoder inside.

    Bytes from callers make decoders raise any kind of error, and none of them is a defect here.
    """
    try:
        yield
    except SerError:
        raise
    except Exception as error:
        raise InvalidInput(reason) from error


def steps(most: int = 1_000_000) -> Iterator[None]:
    """Yield ``most`` times, once for each part of a file, and then raise :class:`InvalidInput`.

    A file of empty parts would otherwise take seconds. A million frames last for hours.
    """
    yield from repeat(None, most)
    raise InvalidInput(f"the file consists of too many parts; allowed: {most:,}")
