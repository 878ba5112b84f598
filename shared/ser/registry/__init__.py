"""Where models are kept: in a local folder or in an S3 bucket, under one contract."""

from __future__ import annotations

import os
from urllib.parse import unquote

from ser.errors import InvalidInput
from ser.registry.aliases import Move
from ser.registry.documents import new_model_id
from ser.registry.folder import FolderStore
from ser.registry.model import PublishedModel
from ser.registry.registry import Registry
from ser.registry.store import Store, Stored

__all__ = [
    "Move",
    "PublishedModel",
    "Registry",
    "Store",
    "Stored",
    "new_model_id",
    "open_registry",
    "open_store",
]


def open_registry(uri: str | os.PathLike[str]) -> Registry:
    """The registry at ``uri``: a folder, ``file:///folder`` or ``s3://bucket/prefix``.

    Nothing is read or written yet.

    Raises
    ------
    InvalidInput
        Another kind of address, or AWS settings that cannot be used.

    Examples
    --------
    >>> registry = open_registry("model")
    >>> model_id = new_model_id()
    >>> registry.publish(model_id, {"model.onnx": graph}, {"classes": ["W", "L"]})
    >>> registry.move("latest", model_id, forward_only=True)
    >>> registry.model("latest").read("model.onnx") == graph
    True
    """
    return Registry(open_store(uri))


def open_store(uri: str | os.PathLike[str]) -> Store:
    """The store at ``uri``, an address as for :func:`open_registry`."""
    address = os.fspath(uri)
    scheme, mark, rest = address.partition("://")
    if scheme == "file" and rest.startswith("/"):
        address, mark = unquote(rest), ""
    if address and not mark and "\0" not in address:
        return FolderStore(address)
    bucket, _, prefix = rest.partition("/")
    if mark and scheme == "s3" and bucket:
        from ser.registry.s3 import S3Store  # botocore takes longer to import than the rest

        return S3Store(bucket, prefix.rstrip("/"))
    raise InvalidInput(
        f"{uri!r} is no place for models; allowed: a folder, file:///folder or s3://bucket/prefix"
    )
