"""Types and constants that the transports (HTTP, buckets, local files) share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from ser.errors import RemoteFailed

CHUNK = 1 << 16  # bytes


class Patience(NamedTuple):
    """Time-outs and retries of a transfer; times in seconds."""

    connect: float = 10.0
    read: float = 30.0
    retries: int = 4
    pause: float = 1.0
    """Pause before the first retry; each further pause is twice as long."""
    window: float = 30.0
    """Time over which the rate of a download is measured."""
    until: float = math.inf
    """Time of the monotonic clock at which a transfer must have ended."""


PATIENCE = Patience()


class Received(NamedTuple):
    """The beginning of an archive that an earlier attempt received."""

    size: int = 0
    """Number of bytes."""
    validator: str = ""
    """Identifier of the version that the bytes belong to (:attr:`Content.validator`)."""


NOTHING = Received()


class Version(NamedTuple):
    """One version of an object, as its store names it; empty fields match any version."""

    name: str = ""
    """The version id of S3, or the generation of Cloud Storage."""
    etag: str = ""
    """The ETag of S3, or the SHA-256 of a local file, which changes with the content."""


ANY = Version()


@dataclass(frozen=True)
class Content:
    """The bytes of an archive from ``start`` on."""

    start: int
    """Number of bytes before these."""
    total: int | None
    """Size of the whole archive in bytes; ``None`` if unknown."""
    validator: str
    """Identifier of this version of the archive; empty if the remote sends none."""
    content_type: str
    chunks: Iterator[bytes]


Opener = Callable[[Received], AbstractContextManager[Content]]
"""Function that opens an archive after the bytes received earlier, or at its start if the archive
has changed."""


class Interrupted(Exception):
    """The connection failed; another attempt may succeed."""


class Missing(RemoteFailed):
    """The store answered that the object, or this version of it, does not exist."""


def translate_errors(
    chunks: Iterator[bytes], errors: Callable[[], AbstractContextManager[None]]
) -> Iterator[bytes]:
    """Yield ``chunks``; ``errors`` translates the exceptions of reading them."""
    with errors():
        yield from chunks


def redact_url(remote_url: str) -> str:
    """Return ``remote_url`` without user, password, query and fragment, which may be secrets.

    Signatures and tokens are in queries and fragments.
    """
    bare = re.sub(r":/+([^/?#]*:.*|[^/]*)@", "://...@", remote_url.strip())
    if not re.match(r"https?:", bare, re.IGNORECASE):
        return bare
    shown = re.split("[?#]", bare, maxsplit=1)[0]
    return bare if shown == bare else f"{shown}?..."
