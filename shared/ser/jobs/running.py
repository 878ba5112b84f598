"""A job is run: by one at a time, to an end, or so that another one can go on."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import Any

from ser.errors import AlteredModel, Conflict, NotFound, RemoteFailed, SerError
from ser.jobs.job import PUBLISHING, Job, Lease
from ser.jobs.jobs import Jobs, LeaseLost
from ser.registry import Store, open_registry, open_store
from ser.settings import Settings
from ser.training import process
from ser.training.publication import answer_of, move_aliases
from ser.training.request import Commission, check_writable, read_train_request

log = logging.getLogger("ser")

GLANCE_SECONDS = 0.3
"""How often who waits for a sign of life looks."""
RENEWAL_SECONDS = 1.0
"""How often a holder gives one."""


def run(jobs: Jobs, job_id: str, trainings: process.TrainingProcesses, settings: Settings) -> Job:
    """Bring a job to its end, unless somebody else is at it; return it as it is then.

    Somebody else is believed in only after a sign of life given meanwhile, and otherwise replaced
    once the lease expires. So of all who were told to run a job, one is always at it or has yet
    to answer: whoever crashes, who told it will not have been answered, and will tell it again.

    Raises
    ------
    SerError
        A passing fault: the job waits to be begun again.
    """
    job, lease = jobs.take(job_id)
    seen = job.lease
    while lease is None and not job.is_ended and job.lease == seen:
        time.sleep(GLANCE_SECONDS)
        job, lease = jobs.take(job_id)
    if lease is not None:
        job = attempt(jobs, job, lease, trainings, settings)
    if job.is_ended:
        clear_away(job, settings)
    return job


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
        return jobs.succeed(job.job_id, result)
    except LeaseLost:
        return jobs.read(job.job_id)
    except SerError as error:
        log.info("job %s: %s", job.job_id, error.detail)
        job = jobs.fail(job.job_id, lease, error)
        if not job.is_ended:
            raise
        return job


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
        sweep(open_store(request.model_save_path), job.job_id)
    try:
        return process.run(
            job.request,
            commission=Commission(model_id=job.job_id, trigger=job.trigger),
            progress=holding.progress,
            pulse=holding.pulse,
            publishing=holding.publishing,
        )
    except Conflict as error:
        if answer := published(job, settings):
            return answer
        if open_store(request.model_save_path).names(job.job_id):
            # Somebody who had lost the lease was publishing still; of both nothing whole is there.
            raise RemoteFailed(f"Another attempt came between: {error.detail}") from error
        raise


def published(job: Job, settings: Settings) -> dict[str, Any] | None:
    """Return the answer that got lost with whoever published the model of a job, if anybody did.

    A manifest whose files are others, or not there, is what two attempts at one moment may leave:
    nobody could ever use it, and the next attempt sweeps it away.
    """
    request = read_train_request(job.request, settings)
    registry = open_registry(request.model_save_path)
    try:
        model = registry.model(job.job_id)
    except (NotFound, AlteredModel):
        return None
    if not model.is_whole():
        return None
    notes = move_aliases(registry, request, job.job_id)
    return answer_of({**model.manifest, "notes": [*model.manifest["notes"], *notes]})


def sweep(store: Store, folder: str) -> None:
    """Remove what an attempt that crashed while publishing has left of a model."""
    for name in store.names(folder):
        if name.endswith("/"):
            sweep(store, f"{folder}/{name[:-1]}")
        else:
            store.delete(f"{folder}/{name}")


def data_folder(job_id: str) -> str:
    """Return the name of the folder of a corpus that is fetched for one job alone."""
    return f"job-{job_id}"


def clear_away(job: Job, settings: Settings) -> None:
    """Remove what is of no use any more after a job has ended: the corpus that was for it alone,
    and what crashes have left of a model that there will not be."""
    path = Path(str(job.request.get("data_path", "")))
    if path.name == data_folder(job.job_id):
        shutil.rmtree(path, ignore_errors=True)
    if job.status == "failed" and job.attempts:
        try:
            place = read_train_request(job.request, settings).model_save_path
            if not is_published(job.job_id, place):
                sweep(open_store(place), job.job_id)
        except SerError as error:
            log.info("job %s may have left files: %s", job.job_id, error.detail)


def is_published(model_id: str, place: str) -> bool:
    try:
        open_registry(place).resolve(model_id)
    except NotFound:
        return False
    return True
