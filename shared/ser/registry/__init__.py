"""The model registry: immutable models and movable aliases, in a local folder or an S3 bucket."""

from __future__ import annotations

import os

from ser.registry._aliases import ALIAS, ALIAS_GRAMMAR, Move
from ser.registry._aliases import FOLDER as ALIASES_FOLDER
from ser.registry._documents import MODEL_ID, encode, new_model_id
from ser.registry._model import PublishedModel
from ser.registry._registry import Registry
from ser.store import open_store

__all__ = [
    "ALIAS",
    "ALIASES_FOLDER",
    "ALIAS_GRAMMAR",
    "MODEL_ID",
    "Move",
    "PublishedModel",
    "Registry",
    "encode",
    "new_model_id",
    "open_registry",
]


def open_registry(uri: str | os.PathLike[str]) -> Registry:
    """Return the registry at ``uri``: a folder, ``file:///folder`` or ``s3://bucket/prefix``.

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
