"""A job is handed over to who runs it after the request that asked for it was answered.

Jobs in a bucket are run by an event: beside the job lies ``requests/<job_id>.train.json``, and a
deployment has the bucket announce what is created below ``requests/`` to POST /events. Jobs in a
folder are those of one machine, where processes go on: there one runs them, and outlives its
server.
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
"""Before jobs are looked at again of which none has ended; each pause is twice the one before."""


def hand_over(job: Job, jobs: Jobs, settings: Settings) -> None:
    """Have ``job`` run by somebody else, soon."""
    if scheme(str(settings.jobs_uri)) == "s3":
        jobs.store.create(f"{FOLDER}/{job.job_id}{SUFFIX}", encode(job.answer()["request"]))
        return
    # It puts itself into the background, so there is next to nothing to wait for.
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
        raise RemoteFailed(f"Nobody can be started to run the job: {error}") from error


def handed_over(event: ObjectCreated, settings: Settings) -> str | None:
    """Return the id of the job that was handed over by creating this object, if one was."""
    if scheme(str(settings.jobs_uri)) != "s3":
        return None
    place = str(settings.jobs_uri).partition("://")[2].rstrip("/")
    folder, _, name = f"{event.bucket}/{event.key}".rpartition("/")
    if folder != f"{place}/{FOLDER}" or not name.endswith(SUFFIX):
        return None
    return name.removesuffix(SUFFIX)


def work(settings: Settings) -> None:
    """Run the jobs in the folder ``SER_JOBS_URI`` one after another, until all have ended.

    Those are the queued ones, and those whose attempts were ended by a passing fault or a crash. On
    others somebody is at work; should he break down, we are there when his lease expires.
    """
    jobs, trainings = open_jobs(settings), TrainingProcesses()
    pause = FIRST_PAUSE_SECONDS
    # Whoever comes while we are at it leaves; so we look once more after we have let go.
    while waiting := [job for job in jobs.newest() if not job.is_ended][::-1]:
        with alone(Path(local_path(str(settings.jobs_uri)))) as mine:
            if not mine:
                return
            ended = [ends(jobs, job, trainings, settings) for job in waiting]
            if not any(ended):
                time.sleep(pause)
            pause = FIRST_PAUSE_SECONDS if any(ended) else min(2 * pause, LONGEST_PAUSE_SECONDS)


def ends(jobs: Jobs, job: Job, trainings: TrainingProcesses, settings: Settings) -> bool:
    """Run a job that nobody is at work on, and tell whether it has ended."""
    if job.is_held(jobs.clock()):
        return False
    try:
        return run(jobs, job.job_id, trainings, settings).is_ended
    except (SerError, OSError) as error:
        log.warning("job %s waits for another attempt: %s", job.job_id, error)
        return False


@contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Yield whether no other process works on the jobs in ``folder`` meanwhile."""
    with (folder / ".worker").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
