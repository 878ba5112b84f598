"""Runs a job: one process at a time, until it ends or another attempt has to continue it."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress

from ser.errors import Busy, SerError
from ser.service import problems
from ser.service.jobs.job import PUBLISHING, Job, Lease, LeaseLost
from ser.service.jobs.jobs import Jobs
from ser.service.logs import write_event
from ser.service.settings import Settings

log = logging.getLogger("ser")

POLL_SECONDS = 0.5
"""Time between two reads of a job that another process holds."""
RENEWAL_SECONDS = 1.0
"""Time between two renewals of a lease."""
WAITERS = threading.BoundedSemaphore(2)
"""Limits the threads of the server that wait for other processes; the rest answer requests."""


def run_job(jobs: Jobs, job_id: str, settings: Settings) -> Job:
    """Run a job until it ends, or wait a while for the process that holds it; return it ended.

    Success is reported only when it is certain, since a holder may still crash. The caller then has
    to run the job again, which takes it over once the lease has expired.

    Raises
    ------
    SerError
        A transient error: the job waits for another attempt. It is :class:`~ser.errors.Busy` if
        another process holds the job.
    """
    job, lease = jobs.take(job_id)
    if lease is None and not job.is_ended:
        job, lease = wait_or_take_over(jobs, job_id, settings)
    if lease is not None:
        job = attempt(jobs, job, lease, settings)
    if not job.is_ended:
        raise busy(job_id)
    clear_away(jobs, job, settings)
    return job


def wait_or_take_over(jobs: Jobs, job_id: str, settings: Settings) -> tuple[Job, Lease | None]:
    """Wait for the process that holds a job. Return the job when it has ended, or take it over if
    the lease expires, and return the new lease too.

    Raises
    ------
    Busy
        The holder is still working after ``SER_WAIT_SECONDS``, was stopped by a transient error, or
        too many threads are waiting.
    """
    if not WAITERS.acquire(blocking=False):
        raise busy(job_id)
    try:
        deadline = time.monotonic() + settings.wait_seconds
        while time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            job = jobs.read(job_id)
            if job.is_ended:
                return job, None
            if job.lease is None:
                break
            if not job.is_held(jobs.clock()):
                return jobs.take(job_id)
    finally:
        WAITERS.release()
    raise busy(job_id)


def busy(job_id: str) -> Busy:
    return Busy(f"Another process is running job {job_id}; try again.")


def attempt(jobs: Jobs, job: Job, lease: Lease, settings: Settings) -> Job:
    """Do the work of the job that ``lease`` holds and return its new state; raise as
    :func:`run_job`."""
    began = time.monotonic()
    try:
        with jobs.work.slot(settings):
            # An earlier attempt may have completed the work and then crashed.
            result = jobs.work.recover_result(job, settings) if job.attempts else None
            if result is None:
                held = HeldJob(jobs, jobs.begin(job.job_id, lease))
                result = jobs.work.perform(held, settings)
            return logged(jobs, jobs.succeed(job.job_id, result, lease), began)
    except LeaseLost:
        return jobs.read(job.job_id)
    except Busy as error:
        jobs.release(job, lease, error)
        raise
    except SerError as error:
        job = logged(jobs, jobs.fail(job.job_id, lease, error), began)
        if problems.status_of(error) < 500:
            return job
        # Raised even after the last attempt, so that a queue keeps the event it could not deliver.
        if job.is_ended:
            clear_away(jobs, job, settings)
        raise


def logged(jobs: Jobs, job: Job, began: float) -> Job:
    """Write a line about an attempt at ``job`` that began at the time ``began``; return the job."""
    result, problem = job.result or {}, job.problem or {}
    failed = problem.get("status", 0) >= 500
    write_event(
        "job",
        level=logging.WARNING if failed else logging.INFO,
        function=jobs.work.name,
        job_id=job.job_id,
        status=job.status if job.is_ended else "waiting",
        attempts=job.attempts,
        seconds=round(time.monotonic() - began, 3),
        stages=result.get("seconds"),
        model_id=result.get("model_id"),
        caller=job.owner,
        problem=problem.get("type"),
        detail=problem.get("detail"),
    )
    return job


def end_if_exhausted(jobs: Jobs, job_id: str, settings: Settings) -> None:
    """End a job that no process holds and that has no attempts left; leave any other unchanged."""
    job = jobs.read(job_id)
    exhausted = job.status == "running" and job.attempts >= jobs.max_attempts
    if exhausted and not job.is_held(jobs.clock()):
        with suppress(SerError):
            run_job(jobs, job_id, settings)


def cancel(jobs: Jobs, job_id: str, settings: Settings) -> Job:
    """Cancel a job unless its work is complete, and return it; raise as :meth:`.Jobs.cancel`
    does."""
    job = jobs.read(job_id)
    # If the process that was publishing crashed, the model may be complete.
    interrupted = job.stage == PUBLISHING and not job.is_held(jobs.clock())
    if interrupted and (result := jobs.work.recover_result(job, settings)):
        jobs.succeed(job_id, result, job.lease)
    cancelled = jobs.cancel(job_id)
    if not job.is_held(jobs.clock()):
        clear_away(jobs, cancelled, settings)
    return cancelled


class HeldJob:
    """A job that this process holds, and the renewal of its lease."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        assert job.lease is not None
        self.job = job
        self.lease: Lease = job.lease
        self.jobs = jobs
        self._stage, self._share = job.stage, job.progress
        self._renewed_at = self._tried_at = time.monotonic()

    def note_progress(self, stage: str, share: float) -> None:
        """Keep the progress, to be stored with the next renewal."""
        self._stage, self._share = stage, share

    def renew_if_due(self) -> None:
        """Renew the lease if :data:`RENEWAL_SECONDS` have passed.

        Raises
        ------
        LeaseLost
            Another process holds the job, it has ended, or the lease has expired because the store
            refused every renewal.
        """
        if time.monotonic() - self._tried_at >= RENEWAL_SECONDS:
            self._tried_at = time.monotonic()
            try:
                self._renew()
            except SerError as error:
                # A lease outlasts several failed renewals, so the training continues.
                log.warning(
                    "the lease of job %s could not be renewed: %s", self.job.job_id, error.detail
                )
                if time.monotonic() - self._renewed_at >= self.jobs.lease_seconds:
                    raise LeaseLost from error

    def note_charge(self) -> None:
        """Store that the sounds of the job are counted; raise :class:`LeaseLost` if another process
        holds the job, or it has ended."""
        self.job = self.jobs.note_charge(self.job.job_id, self.lease)

    def begin_publishing(self) -> None:
        """Store that the model is about to be published; raise :class:`LeaseLost` if another
        process holds the job, or it has ended."""
        self._stage, self._share = PUBLISHING, 0.0
        self._renew()

    def _renew(self) -> None:
        began_at = time.monotonic()
        self.jobs.renew(self.job.job_id, self.lease, self._stage, self._share)
        self._renewed_at = began_at


def clear_away(jobs: Jobs, job: Job, settings: Settings) -> None:
    """Remove the files that an ended job no longer needs."""
    try:
        jobs.work.clear_away(job, settings)
    except SerError as error:
        log.info("job %s may have left files behind: %s", job.job_id, error.detail)
