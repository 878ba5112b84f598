"""Workers whose clocks jump while they share jobs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from tempfile import TemporaryDirectory

from resilience.reports import Report
from ser.errors import SerError
from ser.service.jobs.job import LeaseLost
from ser.service.jobs.jobs import Jobs
from ser.service.jobs.predictions import Predictions
from ser.store import open_store

JUMPS = (0, 1, 20, 40, -40, 3600, -3600, 86_400 * 365, -86_400 * 365)
"""Seconds by which a clock may jump."""
LEASE_SECONDS = 30.0
WORKERS, STEPS = 3, 200
ENDED = ("succeeded", "failed", "cancelled")


class Clock:
    """A clock that runs with the true time, apart from its jumps."""

    def __init__(self) -> None:
        self.true = datetime(2026, 1, 1, tzinfo=UTC)
        self.error = timedelta()

    def __call__(self) -> datetime:
        return self.true + self.error


def run_job(home: str, seed: int) -> str | None:
    """Have workers run a job with clocks that jump; return the problem, if there is one."""
    random = Random(seed)
    clocks = [Clock() for _ in range(WORKERS)]
    store = open_store(home)
    workers = [Jobs(store, Predictions(), LEASE_SECONDS, 50, clock) for clock in clocks]
    job_id = workers[0].add({"audio": ["a.wav"]}).job_id
    leases: dict[int, object] = {}
    ends: Counter[str] = Counter()
    for step in range(STEPS):
        for clock in clocks:
            clock.true += timedelta(seconds=random.uniform(0, 20))
            if random.random() < 0.2 and step < STEPS - 30:
                clock.error = timedelta(seconds=random.choice(JUMPS))
            if step >= STEPS - 30:
                clock.error = timedelta()
        number = random.randrange(WORKERS)
        jobs = workers[number]
        try:
            lease = leases.pop(number, None)
            if lease is None:
                job, lease = jobs.take(job_id)
                if lease:
                    jobs.begin(job_id, lease)
            elif random.random() < 0.9:
                jobs.renew(job_id, lease, "predict", 0.5)  # type: ignore[arg-type]
            else:
                before = jobs.read(job_id).status
                jobs.succeed(job_id, {"worker": number}, lease)  # type: ignore[arg-type]
                ends["succeeded"] += before not in ENDED
                lease = None
            if lease:
                leases[number] = lease
        except LeaseLost:
            continue
        except SerError as error:
            return error.detail
    job = workers[0].read(job_id)
    if job.status not in ENDED:
        return f"the job never ends: {job.status}, {job.stage}"
    return None if ends["succeeded"] == 1 else f"the job ended {ends['succeeded']} times"


def jump_clocks(runs: int) -> Report:
    """Return the figures of ``runs`` jobs."""
    problems = []
    with TemporaryDirectory() as home:
        for seed in range(runs):
            if problem := run_job(f"{home}/{seed}", seed):
                problems.append(f"seed {seed}: {problem}")
    figures = {"jobs with jumping clocks": runs, "ended exactly once": runs - len(problems)}
    return Report("clock jumps", figures, tuple(problems))
