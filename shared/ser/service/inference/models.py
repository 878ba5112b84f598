"""Models that stay in memory between requests."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ser.model import Model
from ser.registry import PublishedModel, Registry, open_registry

MAX_BYTES = 256_000_000
"""Largest total size of the files of the models in memory."""
ALIAS_SECONDS = 2.0
"""Longest time for which an alias that has moved still leads to the previous model."""

Key = tuple[str, str]
"""The address of a registry, and an id or an alias in it."""


class Kept(NamedTuple):
    """A model in memory, and the size of its file in bytes."""

    model: Model
    published: PublishedModel
    size: int


class Resolved(NamedTuple):
    """The id behind an alias, valid ``until`` that time of the clock."""

    model_id: str
    until: float


class Models:
    """Models of any registry, each loaded once, whatever the number of concurrent requests.

    A request for an id in memory does not access the registry; requests for an alias access it
    once in :data:`ALIAS_SECONDS`. File, labels and manifest of a model always belong together.

    Parameters
    ----------
    max_bytes
        Largest total size of the model files; the least recently used model is dropped first.
    clock
        Returns a monotonic time in seconds.
    """

    def __init__(
        self, *, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        # A registry holds the connection to its store.
        self._open = lru_cache(maxsize=16)(open_registry)
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._resolved: dict[Key, Resolved] = {}
        self._opening = threading.Lock()
        self._loading: dict[Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def registry(self, uri: str) -> Registry:
        """Return the registry at ``uri``."""
        # One at a time: creating a client of S3 takes more time and memory than loading a model.
        with self._opening:
            return self._open(uri)

    def get(self, uri: str, name: str) -> Kept:
        """Return the model ``name``, an id or an alias, of the registry at ``uri``.

        Raises
        ------
        SerError
            Any error of :class:`~ser.registry.Registry` and :class:`~ser.model.Model`.
        """
        key = uri, self._resolve(uri, name)
        with self._lock:
            # One lock for each model: slow loading of one does not delay requests for another.
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            kept = self._kept.get(key) or self._load(*key)
            self._keep(key, kept)
        return kept

    def _resolve(self, uri: str, name: str) -> str:
        """Return the id behind ``name``, at most :data:`ALIAS_SECONDS` old."""
        if (uri, name) in self._kept:
            return name
        now = self._clock()
        known = self._resolved.get((uri, name))
        if known is None or now >= known.until:
            known = Resolved(self.registry(uri).resolve(name), now + ALIAS_SECONDS)
            fresh = {key: other for key, other in self._resolved.items() if now < other.until}
            self._resolved = {**fresh, (uri, name): known}
        return known.model_id

    def _load(self, uri: str, model_id: str) -> Kept:
        published = self.registry(uri).model(model_id)
        data = published.read("model.onnx")
        return Kept(Model(data), published, len(data))

    def _keep(self, key: Key, kept: Kept) -> None:
        """Store the model as the most recently used one; drop the least recently used ones."""
        with self._lock:
            self._loading.pop(key, None)
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while (
                len(self._kept) > 1 and sum(k.size for k in self._kept.values()) > self._max_bytes
            ):
                self._kept.popitem(last=False)
