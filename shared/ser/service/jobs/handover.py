"""Hands a job over to the process that runs it after the request has been answered.

A job in a bucket is run by an event: ``requests/<job_id>.train.json`` is created beside the job,
and a deployment has the bucket announce objects created below ``requests/`` to POST /events. Jobs
in a folder belong to one machine, where a background process runs them and outlives its server.
"""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser._addresses import local_path, scheme
from ser.errors import RemoteFailed, SerError
from ser.registry import encode
from ser.service.events import ObjectCreated
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import Jobs, open_jobs
from ser.service.jobs.running import run
from ser.service.settings import Settings
from ser.service.training.process import TrainingProcesses, python_path

log = logging.getLogger("ser")

FOLDER = "requests"
SUFFIX = ".train.json"
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 60.0
"""Pauses after a round in which no job has ended; each is twice as long as the one before."""


def hand_over(job: Job, jobs: Jobs, settings: Settings) -> None:
    """Arrange for another process to run ``job`` soon."""
    if scheme(str(settings.jobs_uri)) == "s3":
        jobs.store.create(f"{FOLDER}/{job.job_id}{SUFFIX}", encode(job.answer()["request"]))
        return
    # It forks into the background, so this returns almost at once.
    try:
        subprocess.run(
            [sys.executable, "-m", "ser.service.jobs"],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": python_path()},
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise RemoteFailed(f"The process that runs jobs could not be started: {error}") from error


def handed_over_job(event: ObjectCreated, settings: Settings) -> str | None:
    """Return the id of the job that the object of ``event`` hands over, or ``None``."""
    if scheme(str(settings.jobs_uri)) != "s3":
        return None
    prefix = str(settings.jobs_uri).partition("://")[2].rstrip("/")
    folder, _, name = f"{event.bucket}/{event.key}".rpartition("/")
    if folder != f"{prefix}/{FOLDER}" or not name.endswith(SUFFIX):
        return None
    return name.removesuffix(SUFFIX)


def run_waiting_jobs(settings: Settings) -> None:
    """Run the jobs in the folder ``SER_JOBS_URI`` one after another until all have ended.

    That covers queued jobs and those whose attempt ended with a transient error or a crash. A job
    that another process holds is taken over if its lease expires.
    """
    jobs, trainings = open_jobs(settings), TrainingProcesses()
    pause = FIRST_PAUSE_SECONDS
    # Other processes exit while this one has the lock, so look again after releasing it.
    while waiting := [job for job in jobs.newest() if not job.is_ended][::-1]:
        with worker_lock(Path(local_path(str(settings.jobs_uri)))) as acquired:
            if not acquired:
                return
            ended = [run_unless_held(jobs, job, trainings, settings) for job in waiting]
            if not any(ended):
                time.sleep(pause)
            pause = FIRST_PAUSE_SECONDS if any(ended) else min(2 * pause, LONGEST_PAUSE_SECONDS)


def run_unless_held(jobs: Jobs, job: Job, trainings: TrainingProcesses, settings: Settings) -> bool:
    """Run a job unless another process holds it; return whether it has ended."""
    if job.is_held(jobs.clock()):
        return False
    try:
        return run(jobs, job.job_id, trainings, settings).is_ended
    except (SerError, OSError) as error:
        log.warning("job %s waits for another attempt: %s", job.job_id, error)
        return False


@contextmanager
def worker_lock(folder: Path) -> Iterator[bool]:
    """Lock the jobs in ``folder`` against other workers; yield ``False`` if one has the lock."""
    with (folder / ".worker").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
