"""What every source has in common: what it is asked for, and what it delivers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

from ser.errors import RemoteFailed

CHUNK = 1 << 16  # bytes


class Patience(NamedTuple):
    """How long a remote is waited for, and how often it is asked again; times in seconds."""

    connect: float = 10.0
    read: float = 30.0
    retries: int = 4
    pause: float = 1.0
    """Before the first retry; twice as long before each further one."""


PATIENCE = Patience()


class Held(NamedTuple):
    """What is here already: so many bytes of the version that the validator stands for."""

    size: int = 0
    validator: str = ""


NOTHING = Held()


class Version(NamedTuple):
    """Which version of an object is meant, as its store named it; empty where any will do."""

    name: str = ""
    """What the store calls it: the version id of S3, the generation of Cloud Storage."""
    etag: str = ""
    """What changes with the content: the ETag of S3, the SHA-256 of a local file."""


ANY = Version()


@dataclass(frozen=True)
class Answer:
    """What a source delivers: the bytes from ``start`` on."""

    start: int
    total: int | None
    """Bytes of the whole; ``None`` when the source does not say."""
    validator: str
    """What tells this version from others; empty when nothing does."""
    content_type: str
    chunks: Iterator[bytes]


Source = Callable[[Held], AbstractContextManager[Answer]]
"""Opens after what is held, or from the start where that cannot be continued."""


class Interrupted(Exception):
    """The connection failed; asking again may help."""


class Missing(RemoteFailed):
    """The store is there, and has no such object or version of it."""


def translated(
    chunks: Iterator[bytes], errors: Callable[[], AbstractContextManager[None]]
) -> Iterator[bytes]:
    with errors():
        yield from chunks


def without_secrets(remote_url: str) -> str:
    """``remote_url`` without what may let others in: user and password, query and fragment, where
    signatures and tokens stand."""
    bare = re.sub(r":/+([^/?#]*:.*|[^/]*)@", "://...@", remote_url.strip())
    if not re.match(r"https?:", bare, re.IGNORECASE):
        return bare
    shown = re.split("[?#]", bare, maxsplit=1)[0]
    return bare if shown == bare else f"{shown}?..."
