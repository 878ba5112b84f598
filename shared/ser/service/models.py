"""Models that stay in memory between requests."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ser.registry import READY, PublishedModel, Registry, open_registry, ready_model
from ser.service.observation import observed
from ser.service.settings import ModelRules

MAX_BYTES = 256_000_000
"""Largest total size of the files of the models in memory."""
ALIAS_SECONDS = 2.0
"""Longest time for which an alias that has moved still leads to the previous model."""

DEFAULT_ALIASES = ("production", "latest")
"""The aliases that stand for a missing name of a model; the first that exists is used."""

Key = tuple[str | None, str, ModelRules]
"""The address of a registry, an id in it, and the rules under which the model was loaded; ``None``
for the model that is part of the package."""


class Found(NamedTuple):
    """A model, and the alias that stood for a missing name of it."""

    model: PublishedModel
    alias: str | None


class ResolvedAlias(NamedTuple):
    """The id behind a name, and the time of the clock until which it may be used."""

    model_id: str
    alias: str | None
    """The alias that stands for a missing name."""
    until: float


class Models:
    """Models of any registry, each loaded once, even for concurrent requests.

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
        self._loaded: OrderedDict[Key, PublishedModel] = OrderedDict()
        self._resolved: dict[tuple[str, str | None, ModelRules], ResolvedAlias] = {}
        self._opening = threading.Lock()
        self._loading: dict[Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def registry(self, uri: str, rules: ModelRules) -> Registry:
        """Return the registry at ``uri``."""
        # One at a time: creating a client of S3 takes more time and memory than loading a model.
        with self._opening:
            return self._open(uri, key=rules.key, limits=rules.limits)

    def published(self, uri: str | None, name: str, rules: ModelRules) -> PublishedModel:
        """Return the model ``name``, an id or an alias, without reading its file.

        Parameters
        ----------
        uri
            Address of the registry; not used for the model that is part of the package.
        rules
            The rules of the settings.

        Raises
        ------
        SerError
            Any error of :class:`~ser.registry.Registry`.
        """
        if name == READY or uri is None:
            return ready_model(rules.limits)
        return self.registry(uri, rules).model(name)

    def get(self, uri: str | None, name: str | None, rules: ModelRules) -> PublishedModel:
        """Return the model that :meth:`find` finds."""
        return self.find(uri, name, rules).model

    def find(self, uri: str | None, name: str | None, rules: ModelRules) -> Found:
        """Return the model ``name``, an id or an alias, of the registry at ``uri``; ``None``: that
        of the first of :data:`DEFAULT_ALIASES`, or the one of the package without a registry.

        Raises
        ------
        SerError
            Any error of :class:`~ser.registry.Registry` and :class:`~ser.model.Model`.
        """
        key: Key = (None, READY, rules)
        alias = None
        if name != READY and uri is not None:
            model_id, alias = self._resolve(uri, name, rules)
            key = uri, model_id, rules
        with self._lock:
            # One lock for each model: slow loading of one does not delay requests for another.
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            loaded = self._loaded.get(key) or self._load(*key)
            self._keep(key, loaded)
        return Found(loaded, alias)

    def _resolve(self, uri: str, name: str | None, rules: ModelRules) -> tuple[str, str | None]:
        """Return the id behind ``name``, at most :data:`ALIAS_SECONDS` old, and the alias that
        stands for a missing name."""
        if name is not None and (uri, name, rules) in self._loaded:
            return name, None
        now = self._clock()
        known = self._resolved.get((uri, name, rules))
        if known is None or now >= known.until:
            registry = self.registry(uri, rules)
            known = ResolvedAlias(*resolve(registry, name), now + ALIAS_SECONDS)
            fresh = {key: other for key, other in self._resolved.items() if now < other.until}
            self._resolved = {**fresh, (uri, name, rules): known}
        return known.model_id, known.alias

    def _load(self, uri: str | None, model_id: str, rules: ModelRules) -> PublishedModel:
        observed().has_loaded = True
        return self.published(uri, model_id, rules).load()

    def _keep(self, key: Key, loaded: PublishedModel) -> None:
        """Store the model as the most recently used one; drop the least recently used ones."""
        with self._lock:
            self._loading.pop(key, None)
            self._loaded[key] = loaded
            self._loaded.move_to_end(key)
            while (
                len(self._loaded) > 1
                and sum(each.size for each in self._loaded.values()) > self._max_bytes
            ):
                self._loaded.popitem(last=False)


def resolve(registry: Registry, name: str | None) -> tuple[str, str | None]:
    """Return the id of the model ``name`` of ``registry``, and no alias; ``None``: the id of the
    default model, and its alias."""
    if name is not None:
        return registry.resolve(name), None
    alias, model_id = registry.first(DEFAULT_ALIASES)
    return model_id, alias
