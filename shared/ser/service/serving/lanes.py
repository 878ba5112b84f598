"""Queues of requests with the threads that answer them.

Four lanes keep requests apart that must not wait for each other: checks of health and refusals,
which take a millisecond; checks of readiness, which wait for a store; large requests, which
calculate for seconds; and all others.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from waitress.task import ThreadedTaskDispatcher

# waitress warns of each request that waits.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)

HEALTH, READINESS = "/healthz", "/readyz"
"""The ends of the paths at which functions report their health and their readiness."""


class Lane(ThreadedTaskDispatcher):  # type: ignore[misc]
    """Connections whose requests wait for one of the threads of the lane.

    Parameters
    ----------
    threads
        Number of threads.
    """

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.set_thread_count(threads)

    def take_waiting_since(self, moment: float) -> list[Any]:
        """Remove and return the connections that have waited since before ``moment``."""
        taken = []
        with self.lock:
            while self.queue and self.queue[0].queued_at < moment:
                taken.append(self.queue.popleft())
        return taken


class Lanes:
    """The lanes of a worker.

    Parameters
    ----------
    threads
        Number of threads for requests.
    large_threads
        Number of further threads for large requests.
    """

    def __init__(self, threads: int, large_threads: int) -> None:
        self._quick, self._ready = Lane(1), Lane(1)
        self._usual, self._large = Lane(threads), Lane(large_threads)

    def add(self, connection: Any) -> None:
        """Queue ``connection``, whose first request is complete or refused."""
        connection.queued_at = time.monotonic()
        request = connection.requests[0]
        path = request.path.rstrip("/")
        if request.error is not None or path.endswith(HEALTH):
            self._quick.add_task(connection)
        elif path.endswith(READINESS):
            self._ready.add_task(connection)
        elif request.claim.is_large:
            self._large.add_task(connection)
        else:
            self._usual.add_task(connection)

    def take_waiting_since(self, moment: float) -> list[Any]:
        """Remove and return the connections that have waited for a thread since before
        ``moment``."""
        lanes = (self._ready, self._usual, self._large)
        return [each for lane in lanes for each in lane.take_waiting_since(moment)]

    def close(self) -> None:
        """End the threads when they are idle."""
        for lane in (self._quick, self._ready, self._usual, self._large):
            lane.set_thread_count(0)
