"""Limits on calls into onnxruntime: their time, and how many share the memory of a model."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count

TICK = 0.25
"""Seconds between two looks at the clock."""
IDLE_TICKS = 40
"""Number of looks without a call after which the thread of the clock ends."""


class Clock:
    """Calls a function of each block of code that takes too long.

    One thread looks at the clock for all blocks, and only while there are some: starting a thread
    for each would take longer than entering and leaving a block.
    """

    def __init__(self) -> None:
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        # Threads do not survive a fork.
        self._lock = threading.Lock()
        self._ends: dict[int, tuple[float, Callable[[], object]]] = {}
        self._numbers = count()
        self._running = False

    @contextmanager
    def limit(self, seconds: float, stop: Callable[[], object]) -> Iterator[None]:
        """Call ``stop`` once if the context takes more than ``seconds``."""
        with self._lock:
            number = next(self._numbers)
            self._ends[number] = time.monotonic() + seconds, stop
            if not self._running:
                self._running = True
                threading.Thread(target=self._watch, name="ser-clock", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._ends.pop(number, None)

    def _watch(self) -> None:
        idle = 0
        while idle < IDLE_TICKS:
            time.sleep(TICK)
            now = time.monotonic()
            with self._lock:
                late = [number for number, (end, _) in self._ends.items() if end <= now]
                stops = [self._ends.pop(number)[1] for number in late]
                idle = 0 if self._ends else idle + 1
                self._running = idle < IDLE_TICKS
            for stop in stops:
                stop()


CLOCK = Clock()


class Turns:
    """Calls that run beside each other, and calls that run alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together, self._alone = 0, False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run the context beside others of this kind."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Run the context while no other runs."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: not self._together)
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()


@cache
def runtime_errors() -> tuple[type[Exception], ...]:
    """Return all errors of onnxruntime, which have no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [each for each in vars(state).values() if isinstance(each, type)]
    return (*(each for each in own if issubclass(each, Exception)), RuntimeError, MemoryError)


def is_lack_of_memory(error: Exception) -> bool:
    """Return whether onnxruntime failed because the memory of the model is used up."""
    return isinstance(error, MemoryError) or any(
        word in str(error) for word in ("bfc_arena", "bad_alloc", "Failed to allocate memory")
    )
