"""Slots: how much work of one kind a process does at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ser.errors import Busy


class Slots:
    """The work of one kind that this process is doing.

    Parameters
    ----------
    work
        What is in progress, as refusals say it: ``trainings are running``.
    setting
        The setting that limits it.
    """

    def __init__(self, work: str, setting: str) -> None:
        self._work, self._setting = work, setting
        self._lock = threading.Lock()
        self._taken = 0

    @contextmanager
    def slot(self, limit: int) -> Iterator[None]:
        """Occupy one of ``limit`` slots; raise :class:`Busy` if none is free."""
        with self._lock:
            if self._taken >= limit:
                raise self.refusal(limit)
            self._taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._taken -= 1

    def refusal(self, limit: int) -> Busy:
        """Return the error of work for which none of ``limit`` slots is free."""
        return Busy(
            f"{limit} {self._work}, the limit set by {self._setting}; try again when one has ended."
        )
