"""Workers whose clocks jump while they share jobs."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from tempfile import TemporaryDirectory
from typing import Literal

from resilience.reports import Report
from ser.errors import SerError
from ser.service.jobs.job import Lease, LeaseLost
from ser.service.jobs.jobs import Jobs
from ser.service.jobs.predictions import Predictions
from ser.store import open_store

JUMPS = (0, 1, 20, 40, -40, 3600, -3600, 86_400 * 365, -86_400 * 365)
"""Seconds by which a clock may jump."""
LEASE_SECONDS = 30.0
WORKERS, STEPS, CALM_STEPS = 3, 200, 30
Act = Literal["none", "taken", "renewed", "ended"]
"""What a worker has done with a job."""


class Clock:
    """A clock that runs with the true time, apart from its jumps."""

    def __init__(self) -> None:
        self.true = datetime(2026, 1, 1, tzinfo=UTC)
        self.error = timedelta()

    def __call__(self) -> datetime:
        return self.true + self.error


class Worker:
    """A worker with a clock of its own, which takes the job, renews its lease or ends the job."""

    def __init__(self, home: str, random: Random) -> None:
        self.clock = Clock()
        self.jobs = Jobs(open_store(home), Predictions(), LEASE_SECONDS, 50, self.clock)
        self._random = random
        self._lease: Lease | None = None

    def act(self, job_id: str) -> Act:
        """Do one thing with a job."""
        lease, self._lease = self._lease, None
        with suppress(LeaseLost):
            if lease is None:
                _, lease = self.jobs.take(job_id)
                if lease is None:
                    return "none"
                self.jobs.begin(job_id, lease)
                self._lease = lease
                return "taken"
            if self._random.random() < 0.9:
                self.jobs.renew(job_id, lease, "predict", 0.5)
                self._lease = lease
                return "renewed"
            had_ended = self.jobs.read(job_id).is_ended
            self.jobs.succeed(job_id, {}, lease)
            return "none" if had_ended else "ended"
        return "none"


def run_job(home: str, seed: int) -> str | None:
    """Have workers run a job with clocks that jump, and are right in the end; return the problem,
    if there is one."""
    random = Random(seed)
    workers = [Worker(home, random) for _ in range(WORKERS)]
    job_id = workers[0].jobs.add({"audio": ["a.wav"]}).job_id
    ends, holder = 0, workers[0]
    for step in range(STEPS):
        for worker in workers:
            worker.clock.true += timedelta(seconds=random.uniform(0, 20))
            if step >= STEPS - CALM_STEPS:
                worker.clock.error = timedelta()
            elif random.random() < 0.2:
                worker.clock.error = timedelta(seconds=random.choice(JUMPS))
        worker = random.choice(workers)
        try:
            done = worker.act(job_id)
        except SerError as error:
            return error.detail
        if done == "taken":
            holder = worker
        elif done != "none" and worker is not holder:
            return "a worker went on with a job that another one had taken"
        ends += done == "ended"
    job = workers[0].jobs.read(job_id)
    if not job.is_ended:
        return f"the job never ends: {job.status}, {job.stage}"
    return None if ends == 1 else f"the job ended {ends} times"


def jump_clocks(runs: int) -> Report:
    """Return the figures of ``runs`` jobs."""
    with TemporaryDirectory() as home:
        found = {seed: run_job(f"{home}/{seed}", seed) for seed in range(runs)}
    problems = [f"seed {seed}: {problem}" for seed, problem in found.items() if problem]
    figures = {"jobs with jumping clocks": runs, "ended exactly once": runs - len(problems)}
    return Report("clock jumps", figures, tuple(problems))
