"""Hands a job over to the process that runs it after the request has been answered.

A job in a bucket is run by an event: ``requests/<job_id>.train.json`` is created beside the job, or
``requests/<job_id>.predict.json``, and a deployment has the bucket announce objects created below
``requests/`` to POST /events of train, which runs the jobs of both functions. Jobs in a folder
belong to one machine, where a background process for each function runs them and outlives its
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
from ser.service.interpreter import python_path
from ser.service.jobs.claims import sweep_claims
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import Jobs, as_transient, open_jobs
from ser.service.jobs.running import clear_away, run_job
from ser.service.jobs.work import Work, WorkName
from ser.service.settings import Settings

log = logging.getLogger("ser")

FOLDER = "requests"
NAMES: tuple[WorkName, ...] = ("train", "predict")
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 60.0
"""Pauses after a round in which no job has ended; each is twice as long as the one before."""


def create_job(
    jobs: Jobs, request: object, settings: Settings, *, body: bytes | None = None
) -> Job:
    """Add a job and arrange for another process to run it soon; return it.

    Parameters
    ----------
    request
        The request as the job keeps it.
    body
        The request with the parts that the job does not keep, if there are any.

    Raises
    ------
    QuotaReached
        The owner of ``jobs`` has as many unfinished ones as its quota.
    """
    job = jobs.add(request)
    try:
        hand_over(job, jobs, settings, body)
    except SerError:
        # Without a process to run it, the job would stay queued forever.
        clear_away(jobs, jobs.cancel(job.job_id), settings)
        raise
    return job


def hand_over(job: Job, jobs: Jobs, settings: Settings, body: bytes | None) -> None:
    """Arrange for another process to run ``job`` soon."""
    in_bucket = scheme(str(settings.jobs_uri)) == "s3"
    if in_bucket or body is not None:
        key = request_key(jobs.work.name, job.job_id)
        with as_transient():
            # That of a training is only an announcement, so it needs no secrets.
            jobs.store.create(key, body or encode(jobs.answer(job)["request"]))
    if not in_bucket:
        start_worker(jobs.work.name)


def start_worker(name: WorkName) -> None:
    """Start the background process that runs the jobs of the function ``name`` in a folder."""
    # It forks into the background, so this returns almost at once.
    try:
        subprocess.run(
            [sys.executable, "-m", "ser.service.jobs", name],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": python_path()},
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise RemoteFailed(f"The process that runs jobs could not be started: {error}") from error


def request_key(name: WorkName, job_id: str) -> str:
    """Return the key of the object that hands over a job of the function ``name``."""
    return f"{FOLDER}/{job_id}.{name}.json"


def handed_over_job(event: ObjectCreated, settings: Settings) -> tuple[WorkName, str] | None:
    """Return the name of the function and the id of the job that the object of ``event`` hands
    over, or ``None``."""
    if scheme(str(settings.jobs_uri)) != "s3":
        return None
    prefix = str(settings.jobs_uri).partition("://")[2].rstrip("/")
    folder, _, file = f"{event.bucket}/{event.key}".rpartition("/")
    if folder != f"{prefix}/{FOLDER}":
        return None
    found = ((name, file.removesuffix(f".{name}.json")) for name in NAMES)
    return next(((name, job_id) for name, job_id in found if job_id != file), None)


def run_waiting_jobs(settings: Settings, work: Work) -> None:
    """Run the jobs of ``work`` in the folder ``SER_JOBS_URI`` one after another until all have
    ended.

    That covers queued jobs and those whose attempt ended with a transient error or a crash. A job
    that another process holds is taken over if its lease expires.
    """
    jobs = open_jobs(settings, work)
    if work.name == "train":
        sweep_claims(jobs)
    pause = FIRST_PAUSE_SECONDS
    # Other processes exit while this one has the lock, so look again after releasing it.
    while waiting := [job for job in jobs.newest() if not job.is_ended][::-1]:
        with worker_lock(Path(local_path(str(settings.jobs_uri))), work.name) as acquired:
            if not acquired:
                return
            ended = [run_unless_held(jobs, job, settings) for job in waiting]
            if not any(ended):
                time.sleep(pause)
            pause = FIRST_PAUSE_SECONDS if any(ended) else min(2 * pause, LONGEST_PAUSE_SECONDS)


def run_unless_held(jobs: Jobs, job: Job, settings: Settings) -> bool:
    """Run a job unless another process holds it; return whether it has ended."""
    if job.is_held(jobs.clock()):
        return False
    try:
        return run_job(jobs, job.job_id, settings).is_ended
    except (SerError, OSError) as error:
        log.warning("job %s waits for another attempt: %s", job.job_id, error)
        return False


@contextmanager
def worker_lock(folder: Path, name: WorkName) -> Iterator[bool]:
    """Lock the jobs of the function ``name`` in ``folder`` against other workers; yield ``False``
    if one has the lock."""
    with (folder / f".{name}-worker").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
