"""What notifications announce becomes jobs, which are run before the notifications are answered:
clouds freeze a function once it has answered."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from ser.classifiers import RECIPE
from ser.corpora.fetching import NOTHING, PATIENCE, Answer, Interrupted, Missing, Version, source_of
from ser.errors import Conflict, RemoteFailed, SerError, TooLarge
from ser.service import problems
from ser.service.access import Access
from ser.service.bodies import decode_object
from ser.service.events import Event, Ignored, ObjectCreated, Refused, is_ours, kind_of
from ser.service.jobs.handover import handed_over
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import Jobs, passing
from ser.service.jobs.running import data_folder, run
from ser.service.settings import MEGABYTE, Settings
from ser.service.training.process import TrainingProcesses

log = logging.getLogger("ser")


class Gone(Exception):
    """What was announced is not there: not yet, not any more, or in another version."""


def deliver(
    events: Iterable[Event],
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
        match event:
            case Ignored():
                log.info("event ignored: %s: %s", event.what, event.why)
            case Refused():
                log.info("event refused: %s", event.error.detail)
            case ObjectCreated():
                try:
                    # What is wrong with the object itself fails its job; what else is wrong passes.
                    with passing():
                        if job_id := job_of(event, jobs, settings):
                            delivered.append(run(jobs, job_id, trainings, settings))
                except Gone as error:
                    log.info("event ignored: %s: %s", event.uri, error)
                except SerError as error:
                    fault = error
    if fault:
        raise fault
    return delivered


def job_of(event: ObjectCreated, jobs: Jobs, settings: Settings) -> str | None:
    """Return the id of the job of an object that has arrived, made now unless it was before;
    ``None`` for an object that is no work."""
    if job_id := handed_over(event, settings):
        if not jobs.holds(job_id):
            raise Gone(f"there is no job {job_id}")
        return job_id
    if is_ours(event.uri, settings):
        log.info("event ignored: %s: we wrote it ourselves", event.uri)
        return None
    if kind_of(event.key) is None:
        log.info("event ignored: %s: neither *.train.json nor *.zip", event.uri)
        return None
    job_id = jobs.claim(event.identity)
    if not jobs.holds(job_id):
        add_job(event, job_id, jobs, settings)
    return job_id


def add_job(event: ObjectCreated, job_id: str, jobs: Jobs, settings: Settings) -> None:
    """Add the job of an object; a failed one if the object asks for nothing that can be done.

    Raises
    ------
    Gone
        There is nothing to add: should it still come, its event can be delivered again.
    """
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
        if problems.status_of(error) >= 500:
            raise
        jobs.add({}, job_id=job_id, trigger=trigger, refusal=error)


def request_of(event: ObjectCreated, job_id: str, settings: Settings) -> dict[str, Any]:
    """Return the body of POST /train that an object is, or stands for.

    Raises
    ------
    Gone
        It is not there, or another version is, which is announced by itself.
    InvalidInput
        It is where requests may not reach.
    TooLarge
        A body of more than ``SER_MAX_BODY_MB``.
    UnreadableRequest
        A body that is no JSON object.
    """
    with opened(event, Access(settings)) as answer:
        if kind_of(event.key) == "request":
            return decode_object(content(answer, event, settings))
    fields = {"model_type": RECIPE, **settings.train_defaults}
    # A folder of its own: what another version of the archive has left must not be reused.
    data_path = f"{fields['data_path']}/{data_folder(job_id)}"
    return fields | {"data_path": data_path, "remote_url": event.uri}


@contextmanager
def opened(event: ObjectCreated, access: Access) -> Iterator[Answer]:
    """Yield what the store of an object delivers, in the version that was announced."""
    if event.store == "file" and not os.path.lexists(access.path(event.uri)):
        raise Gone("it is not there")
    version = Version(event.version, event.etag)
    try:
        with source_of(event.uri, access, PATIENCE, version)(NOTHING) as answer:
            yield answer
    except (Missing, Conflict) as error:
        raise Gone(error.detail) from error
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
