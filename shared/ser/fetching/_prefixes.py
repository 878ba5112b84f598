"""The objects below a prefix of a bucket, read as the tar archive of them.

The archive depends only on the keys and contents of the objects, so its checksum identifies them,
and any part of it can be sent again.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from ser.errors import InvalidInput, TooLarge
from ser.fetching._buckets import bucket_errors, create_client
from ser.fetching._clutter import is_clutter
from ser.fetching._entries import MAX_ENTRIES
from ser.fetching._transport import (
    CHUNK,
    Content,
    Interrupted,
    Patience,
    Received,
    translate_errors,
)

END = bytes(2 * tarfile.BLOCKSIZE)
"""The end of a tar archive."""


@dataclass(frozen=True)
class Member:
    """An object as a member of the archive."""

    key: str
    size: int
    """Size of the object in bytes."""
    etag: str
    header: bytes

    @property
    def padding(self) -> int:
        """Number of zero bytes after the content."""
        return -self.size % tarfile.BLOCKSIZE

    @property
    def length(self) -> int:
        """Number of bytes in the archive."""
        return len(self.header) + self.size + self.padding


@contextmanager
def open_prefix(
    store: str,
    endpoint: str | None,
    bucket: str,
    prefix: str,
    patience: Patience,
    received: Received,
) -> Iterator[Content]:
    """Yield the archive of the objects below ``prefix`` after the bytes ``received``, or all of it.

    ``prefix`` ends with a slash.
    """
    uri = f"{store}://{bucket}/{prefix}"
    errors = partial(bucket_errors, uri)
    with ExitStack() as stack:
        with errors():
            client = stack.enter_context(closing(create_client(endpoint, patience)))
            members = list_members(client, uri, bucket, prefix)
        validator = validator_of(members)
        start = received.size if received.validator == validator else 0
        chunks = archive_chunks(client, bucket, members, start)
        total = sum(member.length for member in members) + len(END)
        yield Content(
            start, total, validator, "application/x-tar", translate_errors(chunks, errors)
        )


def list_members(client: Any, uri: str, bucket: str, prefix: str) -> list[Member]:
    """Return the objects below ``prefix`` in the order of their keys.

    Raises
    ------
    InvalidInput
        There are none.
    TooLarge
        There are more than an archive may have entries.
    """
    members: list[Member] = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            key = found["Key"]
            # Consoles create an object with a final slash for a folder.
            if key.endswith("/") or is_clutter(PurePosixPath(key)):
                continue
            header = header_of(key.removeprefix(prefix).lstrip("/"), found["Size"])
            members.append(Member(key, found["Size"], found["ETag"], header))
        if len(members) > MAX_ENTRIES:
            raise TooLarge(f"{uri} has too many objects; allowed: {MAX_ENTRIES:,}")
    if not members:
        raise InvalidInput(
            f"{uri} contains no objects; allowed: a prefix with the files of a corpus"
        )
    return sorted(members, key=lambda member: member.key)


def header_of(name: str, size: int) -> bytes:
    """Return the header of a member, the same for equal names and sizes."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def validator_of(members: list[Member]) -> str:
    """Return a text that changes with the key, size or content of any member."""
    digest = hashlib.sha256()
    for member in members:
        digest.update(member.header)
        digest.update(member.etag.encode())
    return digest.hexdigest()


def archive_chunks(client: Any, bucket: str, members: list[Member], start: int) -> Iterator[bytes]:
    """Yield the bytes of the archive of ``members`` from the byte ``start`` on."""
    for member in members:
        if start < member.length:
            yield from member_chunks(client, bucket, member, start)
        start = max(0, start - member.length)
    yield END[start:]


def member_chunks(client: Any, bucket: str, member: Member, start: int) -> Iterator[bytes]:
    """Yield the bytes of ``member`` in the archive from the byte ``start`` on.

    Raises
    ------
    Interrupted
        The object has changed since it was listed.
    """
    yield member.header[start:]
    start = max(0, start - len(member.header))
    if start < member.size:
        after = {"Range": f"bytes={start}-"} if start else {}
        found = client.get_object(Bucket=bucket, Key=member.key, **after)
        with closing(found["Body"]) as body:
            if (found["ETag"], found["ContentLength"]) != (member.etag, member.size - start):
                raise Interrupted(f"{member.key} has changed since it was listed")
            yield from body.iter_chunks(CHUNK)
    yield bytes(member.padding)[max(0, start - member.size) :]
