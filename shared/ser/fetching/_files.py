"""Archives that are local files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ser.errors import Conflict, InvalidInput
from ser.fetching._access import Access
from ser.fetching._transport import CHUNK, Content, Received, Version


@contextmanager
def open_file(
    path: Path, access: Access, version: Version, _received: Received
) -> Iterator[Content]:
    """Yield the content of a file, always from its start."""
    try:
        # Reading from a pipe or a device may block, or never end.
        if not path.is_file():
            raise InvalidInput(f"{path} does not exist, or is not a file")
        file = access.open(str(path))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        chunks = iter(partial(file.read, CHUNK), b"")
        if version.etag:
            chunks = verify_digest(chunks, path, version)
        yield Content(0, size, "", "", chunks)


def verify_digest(chunks: Iterator[bytes], path: Path, version: Version) -> Iterator[bytes]:
    """Yield ``chunks``; at the end raise :class:`Conflict` if they are not of ``version``."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != version.etag:
        raise Conflict(
            f"{path} has changed: its SHA-256 is {digest.hexdigest()}, not {version.etag}."
        )
