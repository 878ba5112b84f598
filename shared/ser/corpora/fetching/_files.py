"""Archives on this machine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ser.corpora.fetching._source import CHUNK, Answer, Held, Version
from ser.errors import Conflict, InvalidInput


@contextmanager
def from_file(path: Path, version: Version, _held: Held) -> Iterator[Answer]:
    try:
        # Anything but a file may never end, or never begin, as a pipe.
        if not path.is_file():
            raise InvalidInput(f"{path} is not there, or not a file")
        file = path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        chunks = iter(partial(file.read, CHUNK), b"")
        yield Answer(0, size, "", "", verified(chunks, path, version) if version.etag else chunks)


def verified(chunks: Iterator[bytes], path: Path, version: Version) -> Iterator[bytes]:
    """Yield ``chunks``; raise :class:`Conflict` after the last if they are not of ``version``."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != version.etag:
        raise Conflict(
            f"{path} has another content by now: its SHA-256 is {digest.hexdigest()}, not "
            f"{version.etag}."
        )
