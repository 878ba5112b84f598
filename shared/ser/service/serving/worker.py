"""A worker of gunicorn: one thread reads and writes all connections, others answer requests.

gunicorn's own threads each wait for one client, so that a few slow ones stop a worker.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from typing import Any

from gunicorn.workers.base import Worker as Process

MOST_CONNECTIONS = 1000
"""Largest number of connections of a worker."""
OTHER_FILES = 64
"""Number of files of a worker beside its connections and their bodies."""


class Worker(Process):  # type: ignore[misc]
    """A worker process, which serves until it is asked to stop."""

    _wake: Callable[[], None] = staticmethod(lambda: None)
    """Wakes the thread that polls the connections."""

    def handle_exit(self, sig: int, frame: object) -> None:
        """Begin to stop: requests in progress are answered."""
        super().handle_exit(sig, frame)
        self._wake()

    def run(self) -> None:
        """Serve; called by gunicorn once the function is loaded."""
        # Imported here, because the main process needs none of it.
        from waitress.wasyncore import loop

        from ser.service.serving.connections import Listener
        from ser.service.serving.lanes import Lanes
        from ser.service.serving.requests import Limits
        from ser.service.serving.rooms import Rooms

        plan, settings = self.app.plan, valid_settings()
        limits = Limits(
            settings,
            Rooms(max(settings.max_pending_bytes, settings.max_body_bytes)),
            keep_alive=plan.keep_alive,
        )
        lanes = Lanes(plan.threads, plan.large_threads)
        sockets: dict[int, Any] = {}
        listeners = [
            Listener(
                self.wsgi,
                each.sock,
                limits,
                lanes,
                most_connections=most_connections(),
                sockets=sockets,
            )
            for each in self.sockets
        ]
        self._wake = listeners[0].pull_trigger

        def work() -> None:
            self.notify()
            loop(timeout=1, use_poll=True, map=sockets, count=1)

        while self.alive and self.ppid == os.getppid():
            work()
        for listener in listeners:
            listener.stop()
        until = time.monotonic() + self.cfg.graceful_timeout
        while any(each.active_channels for each in listeners) and time.monotonic() < until:
            work()
        lanes.close()


def valid_settings() -> Any:
    """Return the settings, or the default ones if they are not valid, which answers report."""
    from ser.service.settings import Settings, SettingsError

    try:
        return Settings.from_environment()
    except SettingsError:
        return Settings()


def most_connections() -> int:
    """Return the number of connections for which there are enough files: each may have a body in
    one."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * MOST_CONNECTIONS + OTHER_FILES
    if files != resource.RLIM_INFINITY and files < needed:
        files = needed if most == resource.RLIM_INFINITY else min(needed, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    if files == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(1, min(MOST_CONNECTIONS, (files - OTHER_FILES) // 2))
