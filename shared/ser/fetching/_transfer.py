"""Fetching of a file, which replaces its destination once it is complete and checked."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

from ser._progress import ProgressCallback, ignore_share
from ser.errors import Conflict, InvalidInput, RemoteFailed, TooLarge
from ser.fetching._access import Access
from ser.fetching._archives import FORMATS, archive_suffix, write_errors
from ser.fetching._opening import opener_for
from ser.fetching._transport import (
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
from ser.limits import ANY_PACE, UNLIMITED, Limit, Pace


class Download(NamedTuple):
    """The SHA-256 (in hexadecimal) and the size (in bytes) of a fetched archive."""

    sha256: str
    size: int


def fetch(
    remote_url: str,
    destination: Path,
    *,
    access: Access,
    limit: Limit = UNLIMITED,
    pace: Pace = ANY_PACE,
    on_progress: ProgressCallback = ignore_share,
    patience: Patience = PATIENCE,
    version: Version = ANY,
    archive: bool = True,
) -> Download:
    """Copy the archive or other file at ``remote_url`` to ``destination``.

    If a connection fails, the bytes received are kept beside the destination; retries and later
    calls for the same ``remote_url`` continue after them. Only a complete file replaces the
    destination. Two calls for the same destination must not run at the same time.

    Parameters
    ----------
    remote_url
        ``http(s)://``, ``s3://bucket/key``, ``gs://bucket/key``, a local path or its ``file://``
        URL.
    access
        Rules for hosts (applied again at every redirect), buckets and paths.
    limit
        Maximum size of the file in bytes.
    pace
        Maximum time in seconds, retries included, and minimum rate in bytes per second.
    on_progress
        Called with the share of bytes received, if the remote declares their number.
    patience
        Time-outs and retries.
    version
        Required version of an object in a bucket, or of a local file.
    archive
        Whether the content must be an archive.

    Raises
    ------
    InvalidInput
        Access is refused, a local path does not exist, or the content is not an archive.
    Conflict
        The content of ``remote_url`` is not of ``version``.
    TooLarge
        The archive exceeds ``limit``.
    RemoteFailed
        The server refuses the request, connections fail more often than ``patience`` allows, or
        the download is slower than ``pace``.
    StorageFull
        The disk has no space for the archive.
    """
    watch = Stopwatch(redact_url(remote_url), pace, patience.window)
    patience = patience._replace(until=watch.until)
    opener = opener_for(remote_url, access, patience, version, in_ranges=True)
    part = PartialDownload(remote_url, destination, limit, watch, on_progress)
    with write_errors(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not part.received().size:
                part.discard()
            content_type = receive(part, opener, patience)
            if archive and not archive_suffix(part.path):
                raise InvalidInput(
                    f"{part.shown_url} is not an archive: it begins with {part.beginning()!r} "
                    f"(content type: {content_type or 'not stated'}); allowed: {FORMATS}"
                )
            return part.complete()
        except (Conflict, InvalidInput, TooLarge, OSError):
            part.discard()
            raise


def receive(part: PartialDownload, opener: Opener, patience: Patience) -> str:
    """Complete ``part``, with retries; return the content type that the remote declares.

    A remote that has never sent a byte is not tried again.
    """
    retries = 0
    while True:
        try:
            return part.extend(opener)
        except Interrupted as error:
            part.watch.require_time()
            if retries == patience.retries or not part.size():
                raise RemoteFailed(
                    f"{part.shown_url} failed after {part.progress_text()}: {error}"
                ) from error
        time.sleep(patience.pause * 2**retries)
        retries += 1


class Stopwatch:
    """The time that a download of ``shown_url`` has taken, and its rate over windows of time."""

    def __init__(self, shown_url: str, pace: Pace, window: float) -> None:
        self._shown_url, self._pace, self._window = shown_url, pace, window
        self._since = time.monotonic()
        self.until = self._since + pace.seconds.value
        """Time of the monotonic clock at which the download must have ended."""
        self._received = 0

    def count(self, received: int) -> None:
        """Take note of ``received`` further bytes.

        Raises
        ------
        RemoteFailed
            The download takes too long, or its rate is too low.
        """
        self.require_time()
        self._received += received
        elapsed = time.monotonic() - self._since
        if elapsed < self._window:
            return
        if (rate := self._received / elapsed) < self._pace.rate.value:
            raise RemoteFailed(
                f"{self._shown_url} is too slow: {rate:,.0f} bytes a second; "
                f"allowed: at least {self._pace.rate}"
            )
        self._since, self._received = self._since + elapsed, 0

    def require_time(self) -> None:
        """Raise :class:`RemoteFailed` if no time is left."""
        if time.monotonic() >= self.until:
            raise RemoteFailed(
                f"{self._shown_url} was not received in time; allowed: {self._pace.seconds} seconds"
            )


class PartialDownload:
    """The bytes of ``url`` received so far, in a file beside ``destination``."""

    def __init__(
        self,
        url: str,
        destination: Path,
        limit: Limit,
        watch: Stopwatch,
        on_progress: ProgressCallback,
    ) -> None:
        self.url = url
        self.watch = watch
        self.shown_url = redact_url(url)
        # The address itself may have a signature, and the note stays if the download does not end.
        self.source = hashlib.sha256(url.encode(errors="surrogatepass")).hexdigest()
        self.destination = destination
        self.path = destination.with_name(f"{destination.name}.part")
        self.note = destination.with_name(f"{destination.name}.part.json")
        self.limit = limit
        self.on_progress = on_progress
        self.share = 0.0
        self.total: int | None = None

    def extend(self, opener: Opener) -> str:
        """Append the missing bytes from ``opener``; return their content type."""
        with opener(self.received()) as content:
            self.total = content.total
            self.check_limit(content.total or 0)
            if not content.start:
                self.path.write_bytes(b"")
                self.note.write_text(
                    json.dumps({"source": self.source, "validator": content.validator})
                )
            with self.path.open("ab") as file:
                for chunk in content.chunks:
                    file.write(chunk)
                    self.watch.count(len(chunk))
                    self.check_limit(file.tell())
                    self.report_progress(file.tell())
                file.flush()
                os.fsync(file.fileno())
        # The end of a connection that was shut down looks like that of an archive of unknown size.
        self.watch.require_time()
        if self.total not in (None, self.size()):
            raise Interrupted("the remote declared another size")
        return content.content_type

    def received(self) -> Received:
        """Return the bytes after which another request may continue."""
        try:
            note = json.loads(self.note.read_bytes())
            size = self.path.stat().st_size
        except (FileNotFoundError, ValueError):
            return NOTHING
        continues = note.get("source") == self.source and note["validator"]
        return Received(size, note["validator"]) if continues else NOTHING

    def check_limit(self, size: int) -> None:
        """Raise :class:`TooLarge` if ``size`` is above the limit."""
        if size > self.limit.value:
            raise TooLarge(f"{self.shown_url} has {size:,} bytes or more; allowed: {self.limit}")

    def report_progress(self, size: int) -> None:
        """Report the share of bytes received, which never decreases."""
        # A restarted download must first reach the share that was reported before.
        self.share = max(self.share, size / self.total if self.total else 0.0)
        self.on_progress(self.share)

    def progress_text(self) -> str:
        """Return the progress as a text, such as ``5 of 10 bytes``."""
        total = "an unknown number of" if self.total is None else f"{self.total:,}"
        return f"{self.size():,} of {total} bytes"

    def size(self) -> int:
        """Return the number of bytes received."""
        return self.path.stat().st_size if self.path.exists() else 0

    def beginning(self) -> bytes:
        """Return the first 16 bytes, for messages."""
        with self.path.open("rb") as file:
            return file.read(16)

    def complete(self) -> Download:
        """Move the archive to its destination, and return its digest and size."""
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
