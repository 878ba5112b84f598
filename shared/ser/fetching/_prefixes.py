"""The objects below a prefix of a bucket, read where they are.

Each object is read in the version that was listed: an object with another ETag is a conflict, so
the listing identifies everything that is read.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from io import BufferedReader
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from ser._addresses import printable
from ser.errors import Conflict, InvalidInput, RemoteFailed, TooLarge
from ser.fetching._buckets import bucket_errors, create_client
from ser.fetching._clutter import is_clutter
from ser.fetching._entries import find_flaw_of_name
from ser.fetching._places import Place, RangeFile, StoredFile
from ser.fetching._transport import PATIENCE, Interrupted, Patience
from ser.limits import UNLIMITED, Limit


@dataclass(frozen=True)
class PrefixPlace(Place):
    """The objects of ``bucket`` below ``prefix``, which is empty or ends with a slash."""

    store: str
    endpoint: str | None
    bucket: str
    prefix: str
    names: tuple[str, ...] = ()
    """The ends of the keys of the only objects to list; empty: all."""
    patience: Patience = PATIENCE

    @property
    def address(self) -> str:
        return f"{self.store}://{self.bucket}/{self.prefix}"

    def files(self, limit: Limit = UNLIMITED) -> list[StoredFile]:
        found: dict[PurePosixPath, StoredFile] = {}
        for file in self._named() if self.names else self._listed():
            if reason := find_flaw_of_name(str(file.path)):
                raise InvalidInput(f"{printable(file.name)!r} in {self.address} {reason}")
            if twin := found.get(file.path):
                raise InvalidInput(f"{file.name!r} in {self.address} clashes with {twin.name!r}")
            found[file.path] = file
            if len(found) > limit.value:
                raise TooLarge(f"{self.address} has too many objects; allowed: {limit}")
        if not found:
            raise InvalidInput(
                f"{self.address} contains no objects; allowed: a prefix with the files of a corpus"
            )
        return [found[path] for path in sorted(found)]

    def _listed(self) -> Iterator[StoredFile]:
        with bucket_errors(self.address):
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=self.prefix):
                for each in page.get("Contents", []):
                    name = each["Key"].removeprefix(self.prefix)
                    # Consoles create an object with a final slash for a folder.
                    if not name.endswith("/") and name and not is_clutter(PurePosixPath(name)):
                        yield StoredFile(name, each["Size"], each["ETag"])

    def _named(self) -> Iterator[StoredFile]:
        for name in self.names:
            with bucket_errors(f"{self.address}{name}"):
                found = self._client.head_object(Bucket=self.bucket, Key=f"{self.prefix}{name}")
            yield StoredFile(name, found["ContentLength"], found["ETag"])

    def read(self, file: StoredFile, start: int = 0, size: int | None = None) -> bytes:
        size = file.size - start if size is None else size
        if not size:
            return b""
        retries = 0
        while True:
            try:
                return self._read(file, start, size)
            except Interrupted as error:
                if retries == self.patience.retries:
                    raise RemoteFailed(
                        f"{self.address}{file.name} cannot be read: {error}"
                    ) from error
            time.sleep(self.patience.pause * 2**retries)
            retries += 1

    def _read(self, file: StoredFile, start: int, size: int) -> bytes:
        from botocore.exceptions import ClientError

        changed = Conflict(f"{self.address}{file.name} has changed since it was listed.")
        span = f"bytes={start}-{start + size - 1}"
        with bucket_errors(f"{self.address}{file.name}"):
            try:
                found = self._client.get_object(
                    Bucket=self.bucket, Key=f"{self.prefix}{file.name}", Range=span
                )
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 416:
                    raise changed from error
                raise
            with closing(found["Body"]) as body:
                if found["ETag"] != file.etag or found["ContentLength"] != size:
                    raise changed
                content: bytes = body.read()
                return content

    def fingerprint(self, file: StoredFile) -> bytes:
        return hashlib.sha256(f"{file.size}:{file.etag}".encode()).digest()

    def open(self, file: StoredFile, read_ahead: int) -> BinaryIO:
        return BufferedReader(RangeFile(partial(self.read, file), file.size), read_ahead)

    @cached_property
    def _client(self) -> Any:
        # botocore: "clients are thread-safe". The connections are closed with the client.
        with bucket_errors(self.address):
            return create_client(self.endpoint, self.patience)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_client"}
