"""What notifications announce becomes jobs, which are run before the notifications are answered:
clouds freeze a function once it has answered."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ser.access import Access
from ser.classifiers import RECIPE
from ser.errors import Conflict, NotFound, RemoteFailed, SerError, TooLarge
from ser.events import Ignored, ObjectCreated, is_ours, kind_of
from ser.jobs.handover import handed_over
from ser.jobs.job import Job
from ser.jobs.jobs import Jobs
from ser.jobs.running import run
from ser.registry import open_store
from ser.schemas import decode_object
from ser.settings import MEGABYTE, Settings
from ser.sources import NOTHING, PATIENCE, Answer, Interrupted, source_of
from ser.training.process import TrainingProcesses

log = logging.getLogger("ser")

DEFAULTS = {"data_path": "data", "model_type": RECIPE}
"""Fields of a corpus that arrives by itself, where ``SER_TRAIN_DEFAULTS`` says nothing."""


def deliver(
    events: Iterable[ObjectCreated | Ignored],
    jobs: Jobs,
    trainings: TrainingProcesses,
    settings: Settings,
) -> list[Job]:
    """Run the jobs of all that has arrived and is not ignored, and return them.

    Raises
    ------
    SerError
        A passing fault, once everything else is done: the events have to be delivered again.
    """
    delivered, fault = [], None
    for event in events:
        if isinstance(event, Ignored):
            log.info("event ignored: %s: %s", event.what, event.why)
            continue
        try:
            if job_id := job_of(event, jobs, settings):
                delivered.append(run(jobs, job_id, trainings, settings))
        except NotFound as error:
            log.info("event ignored: %s: %s", event.uri, error.detail)
        except SerError as error:
            # What is wrong with the object itself has failed its job; this is about our own store.
            own = RemoteFailed(f"The jobs cannot be kept: {error.detail}")
            fault = error if error.status >= 500 else own
    if fault:
        raise fault
    return delivered


def job_of(event: ObjectCreated, jobs: Jobs, settings: Settings) -> str | None:
    """Return the id of the job of an object that has arrived, made now unless it was before;
    ``None`` for an object that is no work."""
    if job_id := handed_over(event, settings):
        return job_id
    if is_ours(event.uri, settings):
        log.info("event ignored: %s: we wrote it ourselves", event.uri)
        return None
    if kind_of(event.key) is None:
        log.info("event ignored: %s: neither *.train.json nor *.zip", event.uri)
        return None
    job_id = jobs.claim(event.identity)
    try:
        jobs.read(job_id)
    except NotFound:
        add_job(event, job_id, jobs, settings)
    return job_id


def add_job(event: ObjectCreated, job_id: str, jobs: Jobs, settings: Settings) -> None:
    """Add the job of an object; a failed one if the object asks for nothing that can be done."""
    trigger = {
        "uri": event.uri,
        "bucket": event.bucket,
        "key": event.key,
        "version": event.version,
        "etag": event.etag,
    }
    try:
        jobs.add(request_of(event, job_id, settings), job_id=job_id, trigger=trigger)
    except SerError as error:
        if error.status >= 500:
            raise
        jobs.add({}, job_id=job_id, trigger=trigger, refusal=error)


def request_of(event: ObjectCreated, job_id: str, settings: Settings) -> dict[str, Any]:
    """Return the body of POST /train that an object is, or stands for.

    Raises
    ------
    InvalidInput
        It is where requests may not reach.
    NotFound
        It is gone.
    Conflict
        Another version has taken its place, and is announced by itself.
    TooLarge
        A body of more than ``SER_MAX_BODY_MB``.
    UnreadableRequest
        A body that is no JSON object.
    """
    access = Access(settings)
    folder, _, name = access.location(event.uri).rpartition("/")
    if not open_store(folder).holds(name):
        raise NotFound(f"{event.uri} is not there any more.")
    with opened(event, access) as answer:
        tag = answer.validator.strip('"')
        if tag and event.etag and tag != event.etag:
            raise Conflict(f"{event.uri} has another version by now: {tag}, not {event.etag}.")
        if kind_of(event.key) == "request":
            return decode_object(content(answer, event, settings))
    fields = {**DEFAULTS, **settings.train_defaults}
    # A folder of its own: what another version of the archive has left must not be reused.
    return fields | {"data_path": f"{fields['data_path']}/{job_id}", "remote_url": event.uri}


@contextmanager
def opened(event: ObjectCreated, access: Access) -> Iterator[Answer]:
    """Yield what the store of an object delivers."""
    try:
        with source_of(event.uri, access, PATIENCE)(NOTHING) as answer:
            yield answer
    except Interrupted as error:
        raise RemoteFailed(f"{event.uri} cannot be read: {error}") from error


def content(answer: Answer, event: ObjectCreated, settings: Settings) -> bytes:
    """Return the bytes of an object, unless they are too many."""
    data = bytearray()
    for chunk in answer.chunks:
        data += chunk
        if len(data) > settings.max_body_bytes:
            raise TooLarge(
                f"{event.uri} is larger than {settings.max_body_bytes / MEGABYTE:g} MB, the limit "
                "set by SER_MAX_BODY_MB."
            )
    return bytes(data)
