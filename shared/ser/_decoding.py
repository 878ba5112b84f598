"""The one way in which stored JSON is decoded, since other programs may have written it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

MAX_BYTES = 64_000_000
"""Maximum size of a document in bytes; the manifests of large corpora have a few million."""

T = TypeVar("T")


class Unreadable(Exception):
    """A document that is no JSON, or of another structure; as a string, the reason."""


def decode(data: bytes | str, kind: type[T] | Any = Any) -> Any:
    """Return the JSON document in ``data`` as a ``kind``.

    Raises
    ------
    Unreadable
        The document is too large, too deep, not in UTF-8, no JSON, or not a ``kind``: the caller
        raises its own error, which names the document.
    """
    if len(data) > MAX_BYTES:
        raise Unreadable(f"{len(data):,} bytes; allowed: {MAX_BYTES:,}")
    try:
        return msgspec.json.decode(data, type=kind)
    # msgspec raises ValueError for bad UTF-8 and for what a structure's own check refuses.
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise Unreadable(str(error)) from error


def convert(value: object, kind: type[T]) -> T:
    """Return ``value``, a part of a decoded document, as a ``kind``; raise :class:`Unreadable` as
    :func:`decode` does."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError) as error:
        raise Unreadable(str(error)) from error
