"""Fetch an archive: at its destination once it is whole and checked, and not before."""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from pathlib import Path
from typing import NamedTuple

from ser._progress import Report, silent
from ser.corpora.fetching._access import Access
from ser.corpora.fetching._archives import writing
from ser.corpora.fetching._opening import source_of
from ser.corpora.fetching._source import (
    ANY,
    NOTHING,
    PATIENCE,
    Held,
    Interrupted,
    Patience,
    Source,
    Version,
)
from ser.errors import Conflict, InvalidInput, RemoteFailed, TooLarge
from ser.limits import UNLIMITED, Limit


class Download(NamedTuple):
    """What was fetched: the SHA-256 in hexadecimal, and the size in bytes."""

    sha256: str
    size: int


def fetch(
    remote_url: str,
    destination: Path,
    *,
    access: Access,
    limit: Limit = UNLIMITED,
    report: Report = silent,
    patience: Patience = PATIENCE,
    version: Version = ANY,
) -> Download:
    """Copy the zip archive at ``remote_url`` to ``destination``.

    What came before a connection failed is kept beside the destination, and continued by retries
    and by later calls for the same ``remote_url``. The destination itself is replaced only by a
    whole archive. Two calls at once for the same destination are the caller's to avoid.

    Parameters
    ----------
    remote_url : str
        ``http(s)://``, ``s3://bucket/key``, ``gs://bucket/key``, a local path or its ``file://``
        URL.
    access : Access
        The bounds for hosts (at every redirect again), buckets and paths.
    limit : Limit
        Bytes of the largest archive that is taken.
    report : Report
        Told the share of the bytes that came, where the source announces their number.
    patience : Patience
        Time-outs and retries.
    version : Version
        Which version of an object in a bucket, or of a local file, is meant.

    Raises
    ------
    InvalidInput
        Out of bounds, not there (a local path), or not a zip archive.
    Conflict
        Another version is there.
    TooLarge
        More than ``limit``.
    RemoteFailed
        Another server refused, or broke off more often than it is asked again.
    StorageFull
        No room at the destination.
    """
    source = source_of(remote_url, access, patience, version)
    part = Part(remote_url, destination, limit, report)
    with writing(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            if not part.held().size:
                part.discard()
            content_type = receive(part, source, patience)
            if not zipfile.is_zipfile(part.path):
                raise InvalidInput(
                    f"{remote_url} is not a zip archive: it begins with {part.beginning()!r} "
                    f"(content type: {content_type or 'not stated'})"
                )
            return part.complete()
        except (Conflict, InvalidInput, TooLarge, OSError):
            part.discard()
            raise


def receive(part: Part, source: Source, patience: Patience) -> str:
    """Bring ``part`` to its end; the content type that the source stated.

    A source that never sent anything is not asked again.
    """
    retries = 0
    while True:
        try:
            return part.extend(source)
        except Interrupted as error:
            if retries == patience.retries or not part.size():
                raise RemoteFailed(f"{part.url} failed after {part.progress()}: {error}") from error
        time.sleep(patience.pause * 2**retries)
        retries += 1


class Part:
    """What came of ``url`` so far, beside ``destination`` until it is whole."""

    def __init__(self, url: str, destination: Path, limit: Limit, report: Report) -> None:
        self.url = url
        self.destination = destination
        self.path = destination.with_name(f"{destination.name}.part")
        self.note = destination.with_name(f"{destination.name}.part.json")
        self.most = limit
        self.report = report
        self.share = 0.0
        self.total: int | None = None

    def extend(self, source: Source) -> str:
        """Append what ``source`` delivers; its content type."""
        with source(self.held()) as answer:
            self.total = answer.total
            self.limit(answer.total or 0)
            if not answer.start:
                self.path.write_bytes(b"")
                self.note.write_text(json.dumps({"url": self.url, "validator": answer.validator}))
            with self.path.open("ab") as file:
                for chunk in answer.chunks:
                    file.write(chunk)
                    self.limit(file.tell())
                    self.tell(file.tell())
                file.flush()
                os.fsync(file.fileno())
        if self.total not in (None, self.size()):
            raise Interrupted("the source announced another size")
        return answer.content_type

    def held(self) -> Held:
        """What another request may continue."""
        try:
            note = json.loads(self.note.read_bytes())
            size = self.path.stat().st_size
        except (FileNotFoundError, ValueError):
            return NOTHING
        continues = note["url"] == self.url and note["validator"]
        return Held(size, note["validator"]) if continues else NOTHING

    def limit(self, size: int) -> None:
        if size > self.most.value:
            raise TooLarge(f"{self.url} has {size:,} bytes or more; allowed: {self.most}")

    def tell(self, size: int) -> None:
        # A download that has to begin again does not fall behind what was reported.
        self.share = max(self.share, size / self.total if self.total else 0.0)
        self.report(self.share)

    def progress(self) -> str:
        total = "an unknown number of" if self.total is None else f"{self.total:,}"
        return f"{self.size():,} of {total} bytes"

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def beginning(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(16)

    def complete(self) -> Download:
        """Put the archive in its place."""
        with self.path.open("rb") as file:
            download = Download(hashlib.file_digest(file, "sha256").hexdigest(), self.size())
        self.path.replace(self.destination)
        self.note.unlink()
        self.report(1.0)
        return download

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
