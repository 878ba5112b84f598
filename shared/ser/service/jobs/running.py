"""Runs a job: one process at a time, until it ends or another attempt has to continue it."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from contextlib import suppress
from pathlib import Path

from ser.errors import AlteredModel, Busy, Conflict, NotFound, RemoteFailed, SerError
from ser.registry import PublishedModel, open_registry
from ser.service import problems
from ser.service.jobs.job import PUBLISHING, Job, Lease, LeaseLost
from ser.service.jobs.jobs import Jobs
from ser.service.settings import Settings
from ser.service.training import process
from ser.service.training.request import (
    JobContext,
    TrainRequest,
    check_writable,
    read_train_request,
    recheck_access,
)
from ser.store import open_store
from ser.training import answer_of, move_aliases

log = logging.getLogger("ser")

POLL_SECONDS = 0.5
"""Time between two reads of a job that another process holds."""
RENEWAL_SECONDS = 1.0
"""Time between two renewals of a lease."""
WAITERS = threading.BoundedSemaphore(2)
"""Limits the threads of the server that wait for other processes; the rest answer requests."""


def run(jobs: Jobs, job_id: str, trainings: process.TrainingProcesses, settings: Settings) -> Job:
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
        job = attempt(jobs, job, lease, trainings, settings)
    if not job.is_ended:
        raise busy(job_id)
    clear_away(job, settings)
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


def attempt(
    jobs: Jobs,
    job: Job,
    lease: Lease,
    trainings: process.TrainingProcesses,
    settings: Settings,
) -> Job:
    """Train for the job that ``lease`` holds and return its new state; raise as :func:`run`."""
    try:
        with trainings.slot(settings.max_trainings):
            # An earlier attempt may have published the model and then crashed.
            if job.attempts and (model := find_model(job, settings)):
                return complete_from_model(jobs, job, model, lease, settings)
            return train(HeldJob(jobs, jobs.begin(job.job_id, lease)), settings)
    except LeaseLost:
        return jobs.read(job.job_id)
    except Busy as error:
        jobs.release(job, lease, error)
        raise
    except SerError as error:
        log.info("job %s: %s", job.job_id, error.detail)
        job = jobs.fail(job.job_id, lease, error)
        if problems.status_of(error) < 500:
            return job
        # Raised even after the last attempt, so that a queue keeps the event it could not deliver.
        if job.is_ended:
            clear_away(job, settings)
        raise


def end_if_exhausted(
    jobs: Jobs, job_id: str, trainings: process.TrainingProcesses, settings: Settings
) -> None:
    """End a job that no process holds and that has no attempts left; leave any other unchanged."""
    job = jobs.read(job_id)
    exhausted = job.status == "running" and job.attempts >= jobs.max_attempts
    if exhausted and not job.is_held(jobs.clock()):
        with suppress(SerError):
            run(jobs, job_id, trainings, settings)


def cancel(jobs: Jobs, job_id: str, settings: Settings) -> Job:
    """Cancel a job unless its model is published, and return it; raise as :meth:`.Jobs.cancel`
    does."""
    job = jobs.read(job_id)
    # If the process that was publishing crashed, the model may be complete.
    interrupted = job.stage == PUBLISHING and not job.is_held(jobs.clock())
    if interrupted and (model := find_model(job, settings)):
        complete_from_model(jobs, job, model, job.lease, settings)
    cancelled = jobs.cancel(job_id)
    if not job.is_held(jobs.clock()):
        clear_away(cancelled, settings)
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

    def begin_publishing(self) -> None:
        """Store that the model is about to be published; raise :class:`LeaseLost` if another
        process holds the job, or it has ended."""
        self._stage, self._share = PUBLISHING, 0.0
        self._renew()

    def _renew(self) -> None:
        began_at = time.monotonic()
        self.jobs.renew(self.job.job_id, self.lease, self._stage, self._share)
        self._renewed_at = began_at


def train(held: HeldJob, settings: Settings) -> Job:
    """Train for a job, end it as succeeded, and return it."""
    job = held.job
    request = permitted_request(job, settings)
    check_writable(request)
    if job.attempts > 1:
        open_store(request.model_save_path).sweep(job.job_id)
    try:
        result = process.run(
            request,
            context=JobContext(model_id=job.job_id, trigger=job.trigger),
            progress=held.note_progress,
            heartbeat=held.renew_if_due,
            before_publishing=held.begin_publishing,
        )
    except SerError as error:
        # The process may have failed after it had published the model.
        if model := find_model(job, settings):
            return complete_from_model(held.jobs, job, model, held.lease, settings)
        if isinstance(error, Conflict) and open_store(request.model_save_path).names(job.job_id):
            # A process that had lost the lease was still publishing; neither model is complete.
            raise RemoteFailed(f"Another attempt interfered: {error.detail}") from error
        raise
    return held.jobs.succeed(job.job_id, result, held.lease)


def permitted_request(job: Job, settings: Settings) -> TrainRequest:
    """Return the request of a job; raise :class:`InvalidInput` if ``settings`` do not allow its
    locations now, or another version has stored it and it does not fit."""
    if job.request is None:
        return read_train_request(job.unread_request or {}, settings)
    recheck_access(job.request, settings)
    return job.request


def find_model(job: Job, settings: Settings) -> PublishedModel | None:
    """Return the published model of a job, or ``None`` if there is none or it is incomplete.

    Two simultaneous attempts may leave a manifest whose files are missing or altered. Such a model
    is useless, and the next attempt removes it.
    """
    registry = open_registry(permitted_request(job, settings).model_save_path)
    try:
        model = registry.model(job.job_id)
    except (NotFound, AlteredModel):
        return None
    return model if model.is_whole() else None


def complete_from_model(
    jobs: Jobs, job: Job, model: PublishedModel, lease: Lease | None, settings: Settings
) -> Job:
    """Finish the work of a process that crashed after it had published ``model``: move the aliases
    and end the job as succeeded. Return the job."""
    request = permitted_request(job, settings)
    notes = move_aliases(open_registry(request.model_save_path), job.job_id, request.aliases)
    result = answer_of({**model.manifest, "notes": [*model.manifest["notes"], *notes]})
    return jobs.succeed(job.job_id, result, lease)


def data_folder(job_id: str) -> str:
    """Return the name of the folder for a corpus that is fetched for a single job."""
    return f"job-{job_id}"


def clear_away(job: Job, settings: Settings) -> None:
    """Remove the files that an ended job no longer needs: the corpus fetched for it alone, and the
    parts of a model that was never completed."""
    if not job.attempts:
        return
    try:
        request = permitted_request(job, settings)
        if Path(request.data_path).name == data_folder(job.job_id):
            shutil.rmtree(request.data_path, ignore_errors=True)
        if job.status != "succeeded" and find_model(job, settings) is None:
            open_store(request.model_save_path).sweep(job.job_id)
    except SerError as error:
        log.info("job %s may have left files behind: %s", job.job_id, error.detail)
