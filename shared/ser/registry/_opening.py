"""Opening of a registry by its address."""

from __future__ import annotations

import os

from ser.registry._registry import Registry
from ser.store import open_store


def open_registry(uri: str | os.PathLike[str]) -> Registry:
    """Return the registry at ``uri``: a folder, ``file:///folder`` or ``s3://bucket/prefix``.

    The registry is not accessed yet. A folder that does not exist is an empty registry.

    Raises
    ------
    InvalidInput
        The address has another form, or the AWS settings cannot be used.

    Examples
    --------
    >>> registry = ser.open_registry("model")
    >>> registry.load("latest").predict("speech.wav").emotion
    'anger'
    >>> print(registry.show("latest"))
    2...Z-...  emodb  DiscriminantClassifier  UAR 0.862 (speakers left out 0.812)  latest
    >>> registry.move("production", registry.resolve("latest"))
    """
    return Registry(open_store(uri))
