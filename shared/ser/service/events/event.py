"""What a notification comes to: objects that are new, and what is of no concern."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from ser.errors import InvalidInput

StoreName = Literal["s3", "gs", "file"]


class ObjectCreated(msgspec.Struct, frozen=True):
    """A version of an object has come to be, complete and readable."""

    store: StoreName
    bucket: str
    """Of a ``file``: the absolute path of the folder that ``key`` is relative to."""
    key: str
    version: str = ""
    """The store's own name of this version; empty where the bucket keeps but one."""
    etag: str = ""
    """What changes with the content; empty where nobody told."""

    @property
    def uri(self) -> str:
        """Where the object is: ``s3://bucket/key``, ``gs://bucket/key``, ``file:///folder/key``."""
        if self.store == "file":
            return Path(self.bucket, self.key).as_uri()
        return f"{self.store}://{self.bucket}/{self.key}"

    @property
    def identity(self) -> str:
        """A name, 64 hexadecimal digits, that only announcements of this very version share."""
        named = (self.store, self.bucket, self.key, self.version or self.etag)
        return hashlib.sha256(msgspec.json.encode(named)).hexdigest()


class Ignored(msgspec.Struct, frozen=True):
    """Something was announced that nothing is done about."""

    what: str
    why: str


class Refused(msgspec.Struct, frozen=True):
    """An object was created, but which one, or which version of it, is not told."""

    error: InvalidInput


Event = ObjectCreated | Ignored | Refused


def kind_of(key: str) -> Literal["request", "corpus"] | None:
    """Tell what the object ``key`` is to us by its name; ``None``: nothing.

    ``*.train.json`` is the body of a POST /train, ``*.zip`` a corpus, in letters of either case.
    Folders are nothing, and neither is what programs hide or lay down while they copy: any name
    beginning with a dot or tilde, the name of a folder on the way included.
    """
    if any(name.startswith((".", "~")) for name in key.split("/")):
        return None
    match key.lower().rpartition("/")[2].split("."):
        case [_, *_, "train", "json"]:
            return "request"
        case [_, *_, "zip"]:
            return "corpus"
    return None
