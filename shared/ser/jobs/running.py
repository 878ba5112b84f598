"""A job is run: by one at a time, to an end, or so that another one can go on."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import Any

from ser.errors import Conflict, NotFound, SerError
from ser.jobs.job import Job, Lease
from ser.jobs.jobs import Jobs, LeaseLost
from ser.registry import Registry, Store, open_registry, open_store
from ser.settings import Settings
from ser.training import process
from ser.training.publication import answer_of, move_aliases
from ser.training.request import Commission, TrainRequest, check_writable, read_train_request

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
        job = attempt(jobs, job_id, lease, trainings, settings)
    if job.is_ended:
        clear_away(job)
    return job


def attempt(
    jobs: Jobs,
    job_id: str,
    lease: Lease,
    trainings: process.TrainingProcesses,
    settings: Settings,
) -> Job:
    """Train for a job that is ours, and return it as it is then; raise as :func:`run` does."""
    try:
        with trainings.place(settings.max_trainings):
            result = trained(Holding(jobs, jobs.begin(job_id, lease)), settings)
        return jobs.succeed(job_id, result)
    except LeaseLost:
        return jobs.read(job_id)
    except SerError as error:
        log.info("job %s: %s", job_id, error.detail)
        job = jobs.fail(job_id, lease, error)
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
        self._renewed = time.monotonic()

    def progress(self, stage: str, share: float) -> None:
        """Note how far the job is, to be told when the lease is renewed."""
        self._stage, self._share = stage, share

    def pulse(self) -> None:
        """Renew the lease if it is time; raise :class:`LeaseLost` if it is not ours any more."""
        if time.monotonic() - self._renewed < RENEWAL_SECONDS:
            return
        self._renewed = time.monotonic()
        try:
            self._jobs.keep(self.job.job_id, self._lease, self._stage, self._share)
        except SerError as error:
            # The lease outlasts some renewals that fail, and the training must not.
            log.warning("the lease of job %s was not renewed: %s", self.job.job_id, error.detail)


def trained(holding: Holding, settings: Settings) -> dict[str, Any]:
    """Return the answer to the request of a job, trained now or by an attempt before."""
    job = holding.job
    request = read_train_request(job.request, settings)
    registry = open_registry(request.model_save_path)
    if answer := published(registry, request, job.job_id):
        return answer
    check_writable(request)
    if job.attempts > 1:
        sweep(open_store(request.model_save_path), job.job_id)
    try:
        return process.run(
            job.request,
            commission=Commission(model_id=job.job_id, trigger=job.trigger),
            progress=holding.progress,
            pulse=holding.pulse,
        )
    except Conflict:
        if answer := published(registry, request, job.job_id):
            return answer
        raise


def published(registry: Registry, request: TrainRequest, model_id: str) -> dict[str, Any] | None:
    """Return the answer that got lost with whoever published the model, if anybody did."""
    try:
        manifest = registry.model(model_id).manifest
    except NotFound:
        return None
    notes = move_aliases(registry, request, model_id)
    return answer_of({**manifest, "notes": [*manifest["notes"], *notes]})


def sweep(store: Store, folder: str) -> None:
    """Remove what an attempt that crashed while publishing has left of a model."""
    for name in store.names(folder):
        if name.endswith("/"):
            sweep(store, f"{folder}/{name[:-1]}")
        else:
            store.delete(f"{folder}/{name}")


def clear_away(job: Job) -> None:
    """Remove the corpus of a job, if its folder bears the job's name: it was for this job alone."""
    path = Path(str(job.request.get("data_path", "")))
    if path.name == job.job_id:
        shutil.rmtree(path, ignore_errors=True)
