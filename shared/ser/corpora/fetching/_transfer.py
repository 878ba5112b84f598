"""Fetching an archive: it reaches its destination only once it is whole and checked."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

from ser._progress import ProgressCallback, ignore_share
from ser.corpora.fetching._access import Access
from ser.corpora.fetching._archives import write_errors
from ser.corpora.fetching._opening import opener_for
from ser.corpora.fetching._transport import (
    ANY,
    NOTHING,
    PATIENCE,
    Interrupted,
    Opener,
    Patience,
    Received,
    Version,
    redact_url,
)
from ser.errors import Conflict, InvalidInput, RemoteFailed, TooLarge
from ser.limits import UNLIMITED, Limit


class Download(NamedTuple):
    """A fetched archive: its SHA-256 in hexadecimal, and its size in bytes."""

    sha256: str
    size: int


def fetch(
    remote_url: str,
    destination: Path,
    *,
    access: Access,
    limit: Limit = UNLIMITED,
    on_progress: ProgressCallback = ignore_share,
    patience: Patience = PATIENCE,
    version: Version = ANY,
) -> Download:
    """Copy the zip archive at ``remote_url`` to ``destination``.

    Bytes received before a connection failed are kept beside the destination; retries and later
    calls for the same ``remote_url`` continue them. The destination itself is replaced only by a
    whole archive. Callers must not run two calls for one destination at the same time.

    Parameters
    ----------
    remote_url : str
        ``http(s)://``, ``s3://bucket/key``, ``gs://bucket/key``, a local path or its ``file://``
        URL.
    access : Access
        Rules for hosts (applied again at every redirect), buckets and paths.
    limit : Limit
        Size of the largest accepted archive, in bytes.
    on_progress : ProgressCallback
        Called with the share of the bytes received, if the remote announces their number.
    patience : Patience
        Time-outs and retries.
    version : Version
        The wanted version of an object in a bucket, or of a local file.

    Raises
    ------
    InvalidInput
        Access is refused, a local path does not exist, or the content is not a zip archive.
    Conflict
        ``remote_url`` has another version.
    TooLarge
        The archive exceeds ``limit``.
    RemoteFailed
        The server refuses, or connections fail more often than ``patience`` allows.
    StorageFull
        No room for the archive at the destination.
    """
    opener = opener_for(remote_url, access, patience, version)
    part = PartialDownload(remote_url, destination, limit, on_progress)
    with write_errors(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not part.received().size:
                part.discard()
            content_type = receive(part, opener, patience)
            if not zipfile.is_zipfile(part.path):
                raise InvalidInput(
                    f"{part.shown_url} is not a zip archive: it begins with {part.beginning()!r} "
                    f"(content type: {content_type or 'not stated'})"
                )
            return part.complete()
        except (Conflict, InvalidInput, TooLarge, OSError):
            part.discard()
            raise


def receive(part: PartialDownload, opener: Opener, patience: Patience) -> str:
    """Complete ``part``, with retries; return the content type that the remote states.

    There is no retry for a remote that never sent a byte.
    """
    retries = 0
    while True:
        try:
            return part.extend(opener)
        except Interrupted as error:
            if retries == patience.retries or not part.size():
                raise RemoteFailed(
                    f"{part.shown_url} failed after {part.progress()}: {error}"
                ) from error
        time.sleep(patience.pause * 2**retries)
        retries += 1


class PartialDownload:
    """The bytes of ``url`` received so far, in a file beside ``destination``."""

    def __init__(
        self, url: str, destination: Path, limit: Limit, on_progress: ProgressCallback
    ) -> None:
        self.url = url
        self.shown_url = redact_url(url)
        self.destination = destination
        self.path = destination.with_name(f"{destination.name}.part")
        self.note = destination.with_name(f"{destination.name}.part.json")
        self.limit = limit
        self.on_progress = on_progress
        self.share = 0.0
        self.total: int | None = None

    def extend(self, opener: Opener) -> str:
        """Append the rest that ``opener`` yields; return its content type."""
        with opener(self.received()) as content:
            self.total = content.total
            self.check_limit(content.total or 0)
            if not content.start:
                self.path.write_bytes(b"")
                self.note.write_text(json.dumps({"url": self.url, "validator": content.validator}))
            with self.path.open("ab") as file:
                for chunk in content.chunks:
                    file.write(chunk)
                    self.check_limit(file.tell())
                    self.report_progress(file.tell())
                file.flush()
                os.fsync(file.fileno())
        if self.total not in (None, self.size()):
            raise Interrupted("the remote announced another size")
        return content.content_type

    def received(self) -> Received:
        """Return the bytes that another request may continue."""
        try:
            note = json.loads(self.note.read_bytes())
            size = self.path.stat().st_size
        except (FileNotFoundError, ValueError):
            return NOTHING
        continues = note["url"] == self.url and note["validator"]
        return Received(size, note["validator"]) if continues else NOTHING

    def check_limit(self, size: int) -> None:
        """Raise :class:`TooLarge` if ``size`` is above the limit."""
        if size > self.limit.value:
            raise TooLarge(f"{self.shown_url} has {size:,} bytes or more; allowed: {self.limit}")

    def report_progress(self, size: int) -> None:
        """Report the share of the bytes received; it never falls."""
        # A download that begins again first has to catch up with the share reported before.
        self.share = max(self.share, size / self.total if self.total else 0.0)
        self.on_progress(self.share)

    def progress(self) -> str:
        """Return how many bytes of how many are here, in words."""
        total = "an unknown number of" if self.total is None else f"{self.total:,}"
        return f"{self.size():,} of {total} bytes"

    def size(self) -> int:
        """Return how many bytes are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def beginning(self) -> bytes:
        """Return the first bytes."""
        with self.path.open("rb") as file:
            return file.read(16)

    def complete(self) -> Download:
        """Move the archive to its destination."""
        with self.path.open("rb") as file:
            download = Download(hashlib.file_digest(file, "sha256").hexdigest(), self.size())
        self.path.replace(self.destination)
        self.note.unlink()
        self.on_progress(1.0)
        return download

    def discard(self) -> None:
        """Remove the bytes received so far."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
