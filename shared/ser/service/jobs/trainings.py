"""Trainings as the work of jobs."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from ser.errors import AlteredModel, Conflict, InvalidInput, NotFound, RemoteFailed, SerError
from ser.fetching import redact_url
from ser.registry import PublishedModel, new_model_id, open_registry
from ser.service.callers import Caller
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import as_transient, open_jobs
from ser.service.jobs.running import HeldJob
from ser.service.quotas import LONGEST_TRAINING, Slot, take_slot
from ser.service.settings import Settings
from ser.service.training import process
from ser.service.training.request import (
    JobContext,
    TrainRequest,
    check_writable,
    decode_field,
    read_train_request,
    recheck_access,
)
from ser.store import open_store
from ser.training import answer_of, move_aliases, with_promotion

log = logging.getLogger("ser")


class Trainings:
    """Trainings, each in a process of its own.

    Parameters
    ----------
    processes
        The trainings of this server, which count against its limit.
    """

    name: Literal["train"] = "train"
    folder = "jobs"

    def __init__(self, processes: process.TrainingProcesses | None = None) -> None:
        self._processes = processes or process.TrainingProcesses()

    def restore_request(self, stored: object) -> TrainRequest | None:
        """Return the request in a job; see :class:`.Work`."""
        try:
            return msgspec.convert(stored, TrainRequest, dec_hook=decode_field)
        except (msgspec.ValidationError, InvalidInput):
            return None

    def describe_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the request without secrets of its addresses; see :class:`.Work`."""
        shown = {**request}
        if "remote_url" in request:
            shown["remote_url"] = redacted(request["remote_url"])
        methods: Any = request.get("dataset_feature_extract_methods")
        match methods:
            case {"Encoder": {"source": str() as source}}:
                encoder = methods["Encoder"] | {"source": redact_url(source)}
                shown["dataset_feature_extract_methods"] = methods | {"Encoder": encoder}
        return shown

    def slot(self, settings: Settings) -> AbstractContextManager[None]:
        """Return a context that counts as a training; see :class:`.Work`."""
        return self._processes.slot(settings.max_trainings)

    def perform(self, held: HeldJob, settings: Settings) -> dict[str, Any]:
        """Train and return the answer of POST /train; see :class:`.Work`."""
        job = held.job
        request = permitted_request(job, settings)
        check_writable(request)
        if job.attempts > 1:
            open_registry(request.model_save_path).discard(job.job_id)
        try:
            return process.train_in_process(
                request,
                seconds=settings.max_train_seconds,
                context=JobContext(model_id=job.job_id, trigger=job.trigger),
                progress=held.note_progress,
                heartbeat=held.renew_if_due,
                before_publishing=held.begin_publishing,
            )
        except SerError as error:
            # The process may have failed after it had published the model.
            if result := self.recover_result(job, settings):
                return result
            if isinstance(error, Conflict) and open_store(request.model_save_path).names(
                job.job_id
            ):
                # A process that had lost the lease was still publishing; neither model is complete.
                raise RemoteFailed(f"Another attempt interfered: {error.detail}") from error
            raise

    def recover_result(self, job: Job, settings: Settings) -> dict[str, Any] | None:
        """Return the answer for the model that a crashed attempt has published, after moving its
        aliases; see :class:`.Work`."""
        model = find_model(job, settings)
        return complete_from_model(job, model, settings) if model else None

    def clear_away(self, job: Job, settings: Settings) -> None:
        """Remove the corpus fetched for ``job`` alone, and the parts of a model that was never
        completed; see :class:`.Work`."""
        request = permitted_request(job, settings)
        if Path(request.data_path).name == data_folder(job.job_id):
            shutil.rmtree(request.data_path, ignore_errors=True)
        if job.status != "succeeded" and find_model(job, settings) is None:
            open_registry(request.model_save_path).discard(job.job_id)


@contextmanager
def slot_of_training(caller: Caller, settings: Settings, work: Trainings) -> Iterator[None]:
    """Hold a slot of ``caller`` during a training that is no job.

    Raises
    ------
    QuotaReached
        The caller has as many unfinished trainings as its quota.
    """
    if caller.max_jobs is None:
        yield
        return
    with as_transient():
        jobs = open_jobs(settings, work)
        now = jobs.clock()
        slot = Slot(job_id=new_model_id(), taken_at=now, until=now + LONGEST_TRAINING)
        key = take_slot(jobs, caller, slot)
    try:
        yield
    finally:
        jobs.store.delete(key)


def redacted(remote_url: object) -> object:
    """Return the field ``remote_url`` of a request without the secret parts of its URLs."""
    if isinstance(remote_url, str):
        return redact_url(remote_url)
    if isinstance(remote_url, list):
        return [redacted(source) for source in remote_url]
    if isinstance(remote_url, dict):
        return remote_url | {"remote_url": redacted(remote_url.get("remote_url"))}
    return remote_url


def permitted_request(job: Job, settings: Settings) -> TrainRequest:
    """Return the request of a job; raise :class:`InvalidInput` if ``settings`` do not allow its
    locations now, or another version has stored it and it does not fit."""
    if job.request is None:
        return read_train_request(job.unread_request or {}, settings)
    request: TrainRequest = job.request
    recheck_access(request, settings)
    return request


def find_model(job: Job, settings: Settings) -> PublishedModel | None:
    """Return the published model of a job, or ``None`` if there is none or it is incomplete.

    Two simultaneous attempts may leave a manifest whose files are missing or altered. Such a model
    is useless, and the next attempt removes it.
    """
    registry = open_registry(
        permitted_request(job, settings).model_save_path, key=settings.model_key
    )
    try:
        model = registry.model(job.job_id)
    except (NotFound, AlteredModel):
        return None
    return model if model.is_whole() else None


def complete_from_model(job: Job, model: PublishedModel, settings: Settings) -> dict[str, Any]:
    """Finish the work of a process that crashed after it had published ``model``: move the aliases
    and return the answer of POST /train."""
    request = permitted_request(job, settings)
    registry = open_registry(request.model_save_path, key=settings.model_key)
    notes = move_aliases(registry, job.job_id, request.aliases)
    answer = answer_of({**model.manifest, "notes": [*model.manifest["notes"], *notes]})
    return with_promotion(answer, registry, request.promotion)


def data_folder(job_id: str) -> str:
    """Return the name of the folder for a corpus that is fetched for a single job."""
    return f"job-{job_id}"
