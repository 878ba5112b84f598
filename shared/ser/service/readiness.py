"""Readiness: whether the store and the model that requests need can be had now."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from ser.errors import SerError
from ser.service.logs import write_event

LOOK_SECONDS = 3.0
"""Longest time of a look; a check that takes longer has failed."""
FRESH_SECONDS = 1.0
"""Time for which the result of a look is kept: a flood of requests causes one look in it."""

Check = Callable[[], Mapping[str, str | None]]
"""Returns by name the reason for which a part is not ready; ``None`` if it is."""


class Readiness:
    """The readiness of this process.

    The check runs in a thread, of which there is never more than one, so that a store without an
    answer holds no request for longer than :data:`LOOK_SECONDS`.

    Parameters
    ----------
    parts
        Names of all parts.
    clock
        Returns a monotonic time in seconds.
    """

    def __init__(self, *parts: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[str, str | None] = dict.fromkeys(parts)
        self._until = float("-inf")
        self._running: threading.Thread | None = None
        self._found: Mapping[str, str | None] = {}

    def failures(self, check: Check) -> dict[str, str]:
        """Return the reason by the name of each part that is not ready, at most
        :data:`FRESH_SECONDS` old."""
        with self._lock:
            if self._clock() >= self._until:
                self._note(self._look(check))
                self._until = self._clock() + FRESH_SECONDS
            return {part: reason for part, reason in self._failures.items() if reason is not None}

    def _look(self, check: Check) -> Mapping[str, str | None]:
        if self._running is None:
            self._running = threading.Thread(target=self._run, args=(check,), daemon=True)
            self._running.start()
        self._running.join(LOOK_SECONDS)
        if self._running.is_alive():
            return {"store": f"no answer within {LOOK_SECONDS:g} s"}
        self._running = None
        return self._found

    def _run(self, check: Check) -> None:
        try:
            self._found = check()
        except SerError as error:
            self._found = {"store": error.detail}
        except Exception:
            logging.getLogger("ser").exception("the check of readiness failed")
            self._found = {"store": "the check failed; the log has its cause"}

    def _note(self, found: Mapping[str, str | None]) -> None:
        """Keep the result, and write a line for each part whose state has changed."""
        for part, before in self._failures.items():
            now = found.get(part)
            if (before is None) != (now is None):
                level = logging.INFO if now is None else logging.WARNING
                write_event("readiness", level=level, part=part, ready=now is None, detail=now)
            self._failures[part] = now
