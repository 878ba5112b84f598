"""Stores of bytes under keys: a local folder, or a bucket of any server with the S3 protocol."""

from __future__ import annotations

import os
from contextlib import suppress

from ser._addresses import local_path, scheme
from ser.errors import InvalidInput
from ser.store._folder import FULL, FolderStore
from ser.store._store import Readable, Store, Stored, check_key

__all__ = ["FULL", "Readable", "Store", "Stored", "check_key", "open_store"]


def open_store(uri: str | os.PathLike[str]) -> Store:
    """Return the store at ``uri``: a folder, ``file:///folder`` or ``s3://bucket/prefix``.

    The store is not accessed yet.

    Raises
    ------
    InvalidInput
        The address has another form, or the AWS settings cannot be used.

    Examples
    --------
    >>> from ser.store import open_store
    >>> store = open_store("files")
    >>> store.create("notes/first.txt", b"text")
    True
    >>> store.read("notes/first.txt").data
    b'text'
    >>> store.names("notes")
    ['first.txt']
    """
    address = os.fspath(uri)
    if scheme(address) == "s3":
        bucket, _, prefix = address.partition("://")[2].partition("/")
        if bucket:
            from ser.store._s3 import S3Store  # botocore takes longer to import than the rest

            return S3Store(bucket, prefix.rstrip("/"))
    else:
        with suppress(ValueError):
            path = local_path(address)
            if "\0" not in path:
                return FolderStore(path)
    raise InvalidInput(
        f"{address!r} is not a place for models; allowed: a folder, file:///folder or "
        "s3://bucket/prefix"
    )
