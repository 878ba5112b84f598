"""Jobs by their state, counted from the store that all processes share."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

from ser.errors import SerError
from ser.service.jobs.jobs import open_jobs
from ser.service.jobs.work import WorkName, work_named
from ser.service.settings import Settings

log = logging.getLogger("ser")

READS = 100
"""Largest number of jobs that one scrape reads; the others follow with the next ones."""
FRESH_SECONDS = 5.0
"""Time for which the numbers are kept, so that no flood of scrapes reaches the store."""


class JobStates:
    """The states of the jobs of one function; a job that has ended is read once.

    Parameters
    ----------
    clock
        Returns a monotonic time in seconds.
    """

    def __init__(self, name: WorkName, clock: Callable[[], float] = time.monotonic) -> None:
        self._name: WorkName = name
        self._clock = clock
        self._ended: dict[str, str] = {}
        self._until = 0.0
        self._numbers: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def numbers(self, settings: Settings) -> dict[tuple[str, str], int]:
        """Return the number of jobs by function and state; empty where no jobs are kept, or while
        the store does not answer."""
        with self._lock:
            if settings.jobs_uri is not None and self._clock() >= self._until:
                try:
                    self._numbers = self._count(settings)
                except SerError as error:
                    log.warning("jobs are not counted: %s", error.detail)
                    self._numbers = {}
                self._until = self._clock() + FRESH_SECONDS
            return self._numbers

    def _count(self, settings: Settings) -> dict[tuple[str, str], int]:
        jobs = open_jobs(settings, work_named(self._name))
        ids = list(jobs.ids())
        self._ended = {job_id: self._ended[job_id] for job_id in ids if job_id in self._ended}
        found = Counter(self._ended.values())
        for job_id in [each for each in ids if each not in self._ended][:READS]:
            for job in jobs.readable([job_id]):
                found[job.status] += 1
                if job.is_ended:
                    self._ended[job_id] = job.status
        return {(self._name, status): number for status, number in found.items()}
