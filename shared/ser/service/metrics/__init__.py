"""Metrics of the functions, for Prometheus.

A process counts in memory, which costs a request some microseconds. Where a server has several
processes, each writes its counts to a file in a folder that they share, at most once a second, and
the one that is asked adds them up. Only then prometheus-client is imported, which writes them in
the format OpenMetrics.

All values of labels are of this software or its operator: routes, statuses, stages, emotions and
ids of models, of which each process names at most :data:`MOST_MODELS`.
"""

from __future__ import annotations

import bisect
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from ser.service.observation import Observation

MOST_MODELS = 20
MOST_EMOTIONS = 200
OTHER = "other"
"""The value of a label above these numbers."""
WRITE_SECONDS = 1.0
"""Longest time between a request and the file with its counts."""
SUFFIX = ".json"

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class Kind(NamedTuple):
    """A metric: its help, the names of its labels, and the buckets of a histogram."""

    help: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()


KINDS = {
    "ser_requests": Kind("Requests.", ("function", "method", "route", "status")),
    "ser_request_seconds": Kind("Time from request to answer.", ("function", "route"), SECONDS),
    "ser_stage_seconds": Kind("Time of the stages of requests.", ("function", "stage"), SECONDS),
    "ser_cold_starts": Kind("Processes that have answered their first request.", ("function",)),
    "ser_model_loads": Kind("Requests for which a model was loaded.", ("function",)),
    "ser_sounds": Kind("Judged sounds, with and without speech.", ("speech",)),
    "ser_sound_seconds": Kind("Duration of the sounds of requests.", ()),
    "ser_confidence": Kind("Confidence of predictions.", ("model",), SHARES),
    "ser_emotions": Kind("Predicted emotions.", ("model", "emotion")),
}

Key = tuple[str, tuple[str, ...]]
"""The name of a metric and the values of its labels."""


class Counts(msgspec.Struct):
    """Counts of one process, or of several."""

    counters: dict[str, dict[str, float]] = {}
    """Values by metric, and by the values of its labels as JSON."""
    histograms: dict[str, dict[str, list[float]]] = {}
    """Likewise, the counts of the buckets, of the values above all of them, and the sum."""

    def count(self, name: str, labels: Sequence[str], value: float = 1.0) -> None:
        """Add ``value`` to a counter."""
        found, key = self.counters.setdefault(name, {}), key_of(labels)
        found[key] = found.get(key, 0.0) + value

    def observe(self, name: str, labels: Sequence[str], value: float) -> None:
        """Add ``value`` to a histogram."""
        buckets = KINDS[name].buckets
        empty = [0.0] * (len(buckets) + 2)
        found = self.histograms.setdefault(name, {}).setdefault(key_of(labels), empty)
        found[bisect.bisect_left(buckets, value)] += 1
        found[-1] += value

    def add(self, other: Counts) -> None:
        """Add the counts of another process."""
        for name, values in other.counters.items():
            for key, value in values.items():
                found = self.counters.setdefault(name, {})
                found[key] = found.get(key, 0.0) + value
        for name, rows in other.histograms.items():
            for key, row in rows.items():
                mine = self.histograms.setdefault(name, {})
                mine[key] = [
                    a + b for a, b in zip(mine.get(key, [0.0] * len(row)), row, strict=True)
                ]


def key_of(labels: Sequence[str]) -> str:
    """Return the values of labels as JSON."""
    return msgspec.json.encode(labels).decode()


class Metrics:
    """The counts of this process, and the folder that it shares with others."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()
        self._folder: Path | None = None
        self._file = ""
        self._is_due = False
        self._models: set[str] = set()
        self._emotions: set[str] = set()

    def share(self, folder: Path) -> None:
        """Share the counts with all processes that know ``folder``."""
        self._folder, self._file = folder, f"{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"

    def record(
        self, function: str, method: str, route: str, status: int, seen: Observation, *, cold: bool
    ) -> None:
        """Count a request."""
        with self._lock:
            counts = self._counts
            counts.count("ser_requests", (function, method, route, str(status)))
            counts.observe("ser_request_seconds", (function, route), seen.seconds)
            for each in seen.stages:
                counts.observe("ser_stage_seconds", (function, each.name), each.seconds)
            if cold:
                counts.count("ser_cold_starts", (function,))
            if seen.has_loaded:
                counts.count("ser_model_loads", (function,))
            if seen.sound_seconds:
                counts.count("ser_sound_seconds", (), seen.sound_seconds)
            model = bounded(seen.model_id or "", self._models, MOST_MODELS)
            for sound in seen.sounds:
                counts.count("ser_sounds", ("true" if sound.has_speech else "false",))
                if sound.has_speech:
                    counts.observe("ser_confidence", (model,), sound.confidence)
                if sound.emotion is not None:
                    emotion = bounded(sound.emotion, self._emotions, MOST_EMOTIONS)
                    counts.count("ser_emotions", (model, emotion))
            if self._folder and not self._is_due:
                self._is_due = True
                timer = threading.Timer(WRITE_SECONDS, self.write)
                timer.daemon = True
                timer.start()

    def write(self) -> None:
        """Write the counts to the file of this process."""
        with self._lock:
            self._is_due = False
            data = msgspec.json.encode(self._counts)
        if self._folder:
            draft = self._folder / f".{self._file}"
            # A full disk or a folder that has gone must not stop answers.
            with suppress(OSError):
                draft.write_bytes(data)
                draft.replace(self._folder / self._file)

    def total(self) -> Counts:
        """Return the counts of all processes that share the folder."""
        total = Counts()
        with self._lock:
            total.add(self._counts)
        for counts in self._others():
            total.add(counts)
        return total

    def _others(self) -> Iterator[Counts]:
        """Yield the counts of other processes, those that have ended included."""
        for file in self._folder.glob(f"[!.]*{SUFFIX}") if self._folder else ():
            if file.name != self._file:
                with suppress(OSError, msgspec.MsgspecError):
                    yield msgspec.json.decode(file.read_bytes(), type=Counts)


def bounded(value: str, known: set[str], most: int) -> str:
    """Return ``value``, or :data:`OTHER` if there are ``most`` other values already."""
    if value not in known and len(known) >= most:
        return OTHER
    known.add(value)
    return value


METRICS = Metrics()
"""The metrics of this process."""
