"""The models that are kept in memory between requests."""

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
"""Of the files of all models that are kept."""
ALIAS_SECONDS = 2.0
"""How long a model may be asked under an alias that has moved on."""

Place = tuple[str, str]
"""The address of a registry, and an id or an alias in it."""


class Kept(NamedTuple):
    """A model in memory; ``size`` is that of its file in bytes."""

    model: Model
    published: PublishedModel
    size: int


class Resolved(NamedTuple):
    """The id behind an alias, believed ``until`` then."""

    model_id: str
    until: float


class Models:
    """Models of any registry, each loaded once however many ask for it at the same time.

    An id that is in memory costs its registry nothing, and an alias one reading in
    :data:`ALIAS_SECONDS`. A model is always whole: file, labels and manifest of one id.

    Parameters
    ----------
    max_bytes
        How many bytes of model files are kept; the one least recently used goes first.
    clock
        Tells the time in seconds.
    """

    def __init__(
        self, *, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        # A registry keeps its connection to the store.
        self._open = lru_cache(maxsize=16)(open_registry)
        self._kept: OrderedDict[Place, Kept] = OrderedDict()
        self._resolved: dict[Place, Resolved] = {}
        self._opening = threading.Lock()
        self._loading: dict[Place, threading.Lock] = {}
        self._lock = threading.Lock()

    def registry(self, uri: str) -> Registry:
        """Return the registry at ``uri``."""
        # One at a time: a client of S3 takes longer to make, and more memory, than a model.
        with self._opening:
            return self._open(uri)

    def get(self, uri: str, name: str) -> Kept:
        """Return the model called ``name``, an id or an alias, of the registry at ``uri``.

        Raises
        ------
        SerError
            What :class:`~ser.registry.Registry` and :class:`~ser.model.Model` raise.
        """
        place = uri, self._resolve(uri, name)
        with self._lock:
            # A lock for each model: one that is slow to come keeps nobody waiting for another.
            loading = self._loading.setdefault(place, threading.Lock())
        with loading:
            kept = self._kept.get(place) or self._load(*place)
            self._keep(place, kept)
        return kept

    def _resolve(self, uri: str, name: str) -> str:
        """Return the id behind ``name``, as it is or was a moment ago."""
        if (uri, name) in self._kept:
            return name
        now = self._clock()
        known = self._resolved.get((uri, name))
        if known is None or now >= known.until:
            known = Resolved(self.registry(uri).resolve(name), now + ALIAS_SECONDS)
            fresh = {place: other for place, other in self._resolved.items() if now < other.until}
            self._resolved = {**fresh, (uri, name): known}
        return known.model_id

    def _load(self, uri: str, model_id: str) -> Kept:
        published = self.registry(uri).model(model_id)
        data = published.read("model.onnx")
        return Kept(Model(data), published, len(data))

    def _keep(self, place: Place, kept: Kept) -> None:
        """Keep the model as the one used last; the one used least recently goes first."""
        with self._lock:
            self._loading.pop(place, None)
            self._kept[place] = kept
            self._kept.move_to_end(place)
            while (
                len(self._kept) > 1 and sum(k.size for k in self._kept.values()) > self._max_bytes
            ):
                self._kept.popitem(last=False)
