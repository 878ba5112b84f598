"""The events that a notification holds, and the kind of an object by its name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from ser.errors import InvalidInput
from ser.fetching import ARCHIVE_SUFFIXES

StoreName = Literal["s3", "gs", "file"]


class ObjectCreated(msgspec.Struct, frozen=True):
    """The creation of one version of an object, which is complete and readable."""

    store: StoreName
    bucket: str
    """If ``store`` is ``file``: the absolute path of the folder that ``key`` is relative to."""
    key: str
    version: str = ""
    """The store's own name of this version; empty if the bucket keeps no versions."""
    etag: str = ""
    """A tag that changes with the content; empty if the notification names none."""

    @property
    def uri(self) -> str:
        """The address of the object: ``s3://bucket/key``, ``gs://bucket/key`` or
        ``file:///folder/key``."""
        if self.store == "file":
            return Path(self.bucket, self.key).as_uri()
        return f"{self.store}://{self.bucket}/{self.key}"

    @property
    def identity(self) -> str:
        """64 hexadecimal digits that are the same in every announcement of this version, and in no
        other."""
        parts = (self.store, self.bucket, self.key, self.version or self.etag)
        return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class Ignored(msgspec.Struct, frozen=True):
    """An announcement that starts nothing, and the reason."""

    subject: str
    reason: str


class Refused(msgspec.Struct, frozen=True):
    """The creation of an object that its announcement does not identify."""

    error: InvalidInput


Event = ObjectCreated | Ignored | Refused


def object_kind(key: str) -> Literal["request", "corpus"] | None:
    """Return the kind of the object ``key`` by its name, or ``None`` if it starts no training.

    ``*.train.json`` is the body of a POST /train, ``*.zip``, ``*.tar.gz`` and
    the other :data:`~ser.fetching.ARCHIVE_SUFFIXES` are corpora, in upper or lower case.
    Folders start nothing, nor do hidden files and those that programs create while they copy: any
    path with a component that begins with a dot or a tilde.
    """
    if any(name.startswith((".", "~")) for name in key.split("/")):
        return None
    name = key.lower().rpartition("/")[2]
    if name.endswith(".train.json"):
        return "request"
    return "corpus" if name.endswith(ARCHIVE_SUFFIXES) else None
