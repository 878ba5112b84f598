"""Translation of the errors of decoders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
