"""A job is run: by one at a time, to an end, or so that another one can go on."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from contextlib import suppress
from typing import Any

from ser.errors import AlteredModel, Busy, Conflict, NotFound, RemoteFailed, SerError
from ser.registry import PublishedModel, Registry, open_registry
from ser.service import problems
from ser.service.access import Access
from ser.service.jobs.job import PUBLISHING, Job, Lease
from ser.service.jobs.jobs import Jobs, LeaseLost
from ser.service.settings import Settings
from ser.service.training import process
from ser.service.training.request import Commission, check_writable, read_train_request
from ser.store import open_store
from ser.training import answer_of, move_aliases

log = logging.getLogger("ser")

GLANCE_SECONDS = 0.5
"""How often who waits for somebody else looks."""
RENEWAL_SECONDS = 1.0
"""How often a holder gives a sign of life."""
WAITERS = threading.BoundedSemaphore(2)
"""Those who wait take threads of the server, which is to answer others, too."""


def run(jobs: Jobs, job_id: str, trainings: process.TrainingProcesses, settings: Settings) -> Job:
    """Bring a job to its end, or wait a while for somebody else to; return it ended.

    So nobody is ever told that all is well on the strength of somebody else, who may break down:
    whoever told us to run it has to ask again, and takes over once the other one's lease expires.

    Raises
    ------
    SerError
        A passing fault: the job waits to be begun again. Among them is :class:`~ser.errors.Busy`:
        somebody else is at work on it.
    """
    job, lease = jobs.take(job_id)
    if lease is None and not job.is_ended:
        job, lease = waited(jobs, job_id, settings)
    if lease is not None:
        job = attempt(jobs, job, lease, trainings, settings)
    if not job.is_ended:
        raise busy(job_id)
    clear_away(job, settings)
    return job


def waited(jobs: Jobs, job_id: str, settings: Settings) -> tuple[Job, Lease | None]:
    """Return a job when somebody else has brought it to its end, or with its lease when he broke
    down; raise :class:`~ser.errors.Busy` if he goes on, or was stopped by a passing fault."""
    if not WAITERS.acquire(blocking=False):
        raise busy(job_id)
    try:
        deadline = time.monotonic() + settings.wait_seconds
        while time.monotonic() < deadline:
            time.sleep(GLANCE_SECONDS)
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
    return Busy(f"Somebody else is at work on job {job_id}; ask again.")


def attempt(
    jobs: Jobs,
    job: Job,
    lease: Lease,
    trainings: process.TrainingProcesses,
    settings: Settings,
) -> Job:
    """Train for a job that is ours, and return it as it is then; raise as :func:`run` does."""
    try:
        with trainings.place(settings.max_trainings):
            # Whoever was at it before may have got as far as the model, and no farther.
            result = published(job, settings) if job.attempts else None
            if result is None:
                result = trained(Holding(jobs, jobs.begin(job.job_id, lease)), settings)
        return jobs.succeed(job.job_id, result, lease)
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
        # Even if it was the last attempt: who keeps what could not be delivered keeps this.
        if job.is_ended:
            clear_away(job, settings)
        raise


def settled(
    jobs: Jobs, job_id: str, trainings: process.TrainingProcesses, settings: Settings
) -> Job:
    """Return a job as it is. One that was begun as often as allowed, and that nobody is at work on
    any more, is ended first."""
    job = jobs.read(job_id)
    given_up = job.status == "running" and job.attempts >= jobs.max_attempts
    if given_up and not job.is_held(jobs.clock()):
        with suppress(SerError):
            run(jobs, job_id, trainings, settings)
        job = jobs.read(job_id)
    return job


def cancel(jobs: Jobs, job_id: str, settings: Settings) -> Job:
    """End a job, unless its model is there; raise as :meth:`.Jobs.cancel` does."""
    job = jobs.read(job_id)
    # If whoever was publishing broke down, nobody has looked since how far that went.
    broken_off = job.stage == PUBLISHING and not job.is_held(jobs.clock())
    if broken_off and (result := published(job, settings)):
        jobs.succeed(job_id, result, job.lease)
    cancelled = jobs.cancel(job_id)
    if not job.is_held(jobs.clock()):
        clear_away(cancelled, settings)
    return cancelled


class Holding:
    """A job that is ours while we say so."""

    def __init__(self, jobs: Jobs, job: Job) -> None:
        assert job.lease is not None
        self.job = job
        self._jobs = jobs
        self._lease: Lease = job.lease
        self._stage, self._share = job.stage, job.progress
        self._renewed = self._asked = time.monotonic()

    def progress(self, stage: str, share: float) -> None:
        """Note how far the job is, to be told when the lease is renewed."""
        self._stage, self._share = stage, share

    def pulse(self) -> None:
        """Renew the lease if it is time.

        Raises
        ------
        LeaseLost
            It is not ours any more, or has run out while the store did not let us renew it.
        """
        if time.monotonic() - self._asked >= RENEWAL_SECONDS:
            self._asked = time.monotonic()
            try:
                self._renew()
            except SerError as error:
                # The lease outlasts some renewals that fail, and the training must not.
                log.warning("the lease of job %s is not renewed: %s", self.job.job_id, error.detail)
                if time.monotonic() - self._renewed >= self._jobs.lease_seconds:
                    raise LeaseLost from error

    def publishing(self) -> None:
        """Have it known that the model is about to be there; raise :class:`LeaseLost` if the job
        is not ours any more."""
        self._stage, self._share = PUBLISHING, 0.0
        self._renew()

    def _renew(self) -> None:
        asked = time.monotonic()
        self._jobs.keep(self.job.job_id, self._lease, self._stage, self._share)
        self._renewed = asked


def trained(holding: Holding, settings: Settings) -> dict[str, Any]:
    """Return the answer to the request of a job, whose model is made now."""
    job = holding.job
    request = read_train_request(job.request, settings)
    check_writable(request)
    if job.attempts > 1:
        open_store(request.model_save_path).sweep(job.job_id)
    try:
        return process.run(
            job.request,
            commission=Commission(model_id=job.job_id, trigger=job.trigger),
            progress=holding.progress,
            pulse=holding.pulse,
            publishing=holding.publishing,
        )
    except SerError as error:
        # It may have ended in the last moment, after the model was there.
        if answer := published(job, settings):
            return answer
        if isinstance(error, Conflict) and open_store(request.model_save_path).names(job.job_id):
            # Somebody who had lost the lease was publishing still; of both nothing whole is there.
            raise RemoteFailed(f"Another attempt came between: {error.detail}") from error
        raise


def published(job: Job, settings: Settings) -> dict[str, Any] | None:
    """Return the answer that got lost with whoever published the model of a job, if anybody did."""
    request = read_train_request(job.request, settings)
    registry = open_registry(request.model_save_path)
    if (model := whole(job, registry)) is None:
        return None
    notes = move_aliases(registry, job.job_id, request.aliases)
    return answer_of({**model.manifest, "notes": [*model.manifest["notes"], *notes]})


def whole(job: Job, registry: Registry) -> PublishedModel | None:
    """Return the model of a job.

    A manifest whose files are others, or not there, is what two attempts at one moment may leave:
    nobody could ever use it, and the next attempt sweeps it away.
    """
    try:
        model = registry.model(job.job_id)
    except (NotFound, AlteredModel):
        return None
    return model if model.is_whole() else None


def data_folder(job_id: str) -> str:
    """Return the name of the folder of a corpus that is fetched for one job alone."""
    return f"job-{job_id}"


def clear_away(job: Job, settings: Settings) -> None:
    """Remove what is of no use any more after a job has ended: the corpus that was for it alone,
    and what crashes have left of a model that there will not be."""
    try:
        path = Access(settings).path(str(job.request.get("data_path", "")))
        if path.name == data_folder(job.job_id):
            shutil.rmtree(path, ignore_errors=True)
        if job.status != "succeeded" and job.attempts:
            place = read_train_request(job.request, settings).model_save_path
            if whole(job, open_registry(place)) is None:
                open_store(place).sweep(job.job_id)
    except SerError as error:
        log.info("job %s may have left files: %s", job.job_id, error.detail)
