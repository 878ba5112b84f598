"""Opening of a registry by its address."""

from __future__ import annotations

import os

from ser._model_file import NO_MODEL_LIMITS, ModelLimits
from ser.registry._keys import ModelKey
from ser.registry._registry import Registry
from ser.registry._rules import Rules
from ser.store import open_store


def open_registry(
    uri: str | os.PathLike[str],
    *,
    key: ModelKey | bytes | str | os.PathLike[str] | None = None,
    limits: ModelLimits = NO_MODEL_LIMITS,
) -> Registry:
    """Return the registry at ``uri``: a folder, ``file:///folder`` or ``s3://bucket/prefix``.

    The registry is not accessed yet. A folder that does not exist is an empty registry.

    Parameters
    ----------
    key
        Secret key of at least 32 bytes, in hexadecimal or base64, as bytes, or the path of a file.
        Models are signed with it when they are published, and those without its signature are
        refused. ``None``: models are neither signed, nor are signatures looked at.
    limits
        Limits on the size of a model, and on the memory that it may take.

    Raises
    ------
    InvalidInput
        The address has another form, the key is too short, or the AWS settings cannot be used.

    Examples
    --------
    >>> registry = ser.open_registry("model")
    >>> registry.load("latest").predict("speech.wav").emotion
    'anger'
    >>> print(registry.show("latest"))
    2...Z-...  emodb  DiscriminantClassifier  UAR 0.862 (speakers left out 0.812)  latest
    >>> registry.move("production", registry.resolve("latest"))
    """
    return Registry(open_store(uri), Rules(key if key is None else ModelKey.of(key), limits))
