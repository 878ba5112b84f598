"""Runs a job for each object that a notification announces, before the notification is answered: a
cloud suspends a function once it has answered."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ser._addresses import local_path, scheme
from ser.errors import Conflict, RemoteFailed, SerError, TooLarge
from ser.fetching import (
    NOTHING,
    PATIENCE,
    Content,
    Interrupted,
    Missing,
    Version,
    opener_for,
)
from ser.service import problems
from ser.service.access import Access
from ser.service.bodies import decode_object
from ser.service.events import Event, Ignored, ObjectCreated, Refused, is_own_output, object_kind
from ser.service.jobs.handover import handed_over_job
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import Jobs, as_transient, open_jobs
from ser.service.jobs.running import run_job
from ser.service.jobs.trainings import data_folder
from ser.service.jobs.work import work_named
from ser.service.settings import MEGABYTE, Settings
from ser.service.training.request import TrainRequest, read_train_request
from ser.training import with_default_preset

log = logging.getLogger("ser")


class Gone(Exception):
    """The announced object does not exist: not yet, no longer, or only in another version."""


def deliver(events: Iterable[Event], jobs: Jobs, settings: Settings) -> list[Job]:
    """Run the jobs of all created objects in ``events`` that start a training; return the jobs.

    Raises
    ------
    SerError
        A transient error, or a quota that is used up, after all other events have been handled: the
        events have to be delivered again.
    """
    delivered, last_error = [], None
    for event in events:
        match event:
            case Ignored():
                log.info("event ignored: %s: %s", event.subject, event.reason)
            case Refused():
                log.info("event refused: %s", event.error.detail)
            case ObjectCreated(store="file") if not is_in_inbox(event, settings):
                log.info("event ignored: %s: it is not in SER_INBOX", event.uri)
            case ObjectCreated():
                try:
                    # A fault of the object itself fails its job; any other error is transient.
                    with as_transient():
                        if found := find_or_add_job(event, jobs, settings):
                            delivered.append(run_job(*found, settings))
                except Gone as error:
                    log.info("event ignored: %s: %s", event.uri, error)
                except SerError as error:
                    last_error = error
    if last_error:
        raise last_error
    return delivered


def is_in_inbox(event: ObjectCreated, settings: Settings) -> bool:
    """Return whether the local file of ``event`` is in the folder that the operator watches.

    Without this rule, an announcement could name any file of this machine: by its folder, by a key
    that is absolute or leads upwards, or by a link.
    """
    if not settings.inbox or scheme(settings.inbox) not in ("", "file"):
        return False
    folder, inbox = os.path.realpath(event.bucket), os.path.realpath(local_path(settings.inbox))
    file = Path(os.path.realpath(Path(event.bucket, event.key)))
    return folder == inbox and file.is_relative_to(inbox)


def find_or_add_job(
    event: ObjectCreated, jobs: Jobs, settings: Settings
) -> tuple[Jobs, str] | None:
    """Return the jobs of the same kind and the id of the job of a created object, which is added
    unless it exists, or ``None`` if the object starts no job.

    ``jobs`` are the trainings, which objects other than those that hand a job over start.
    """
    if handed_over := handed_over_job(event, settings):
        name, job_id = handed_over
        if name != jobs.work.name:
            jobs = open_jobs(settings, work_named(name))
        if not jobs.holds(job_id):
            raise Gone(f"there is no job {job_id}")
        return jobs, job_id
    if is_own_output(event.uri, settings):
        log.info("event ignored: %s: this software wrote the object itself", event.uri)
        return None
    if object_kind(event.key) is None:
        log.info("event ignored: %s: neither *.train.json nor an archive", event.uri)
        return None
    job_id = jobs.claim(event.identity)
    if not jobs.holds(job_id):
        add_job(event, job_id, jobs, settings)
    return jobs, job_id


def add_job(event: ObjectCreated, job_id: str, jobs: Jobs, settings: Settings) -> None:
    """Add the job of a created object; if the object holds no valid request, add a failed job.

    Raises
    ------
    QuotaReached
        The sender has as many unfinished jobs as its quota.
    Gone
        The object does not exist. If it appears later, its event can be delivered again.
    """
    trigger = {
        "uri": event.uri,
        "bucket": event.bucket,
        "key": event.key,
        "version": event.version,
        "etag": event.etag,
    }
    try:
        request = read_announced_request(event, job_id, settings)
    except SerError as error:
        if problems.status_of(error) >= 500:
            raise
        jobs.add(None, job_id=job_id, trigger=trigger, refusal=error)
    else:
        jobs.add(request, job_id=job_id, trigger=trigger)


def read_announced_request(event: ObjectCreated, job_id: str, settings: Settings) -> TrainRequest:
    """Return the request that a created object holds, or that trains on it if it is a corpus.

    Raises
    ------
    Gone
        The object does not exist, or only in another version, which has a separate event.
    InvalidInput
        The object lies where requests have no access, or its request does not fit.
    TooLarge
        The object is a request of more than ``SER_MAX_BODY_MB``.
    UnreadableRequest
        The object is a request, but not a JSON object.
    """
    with open_object(event, Access(settings)) as answer:
        is_request = object_kind(event.key) == "request"
        content = read_content(answer, event, settings) if is_request else b""
    if is_request:
        return read_train_request(decode_object(content), settings)
    # The sender of a corpus is no caller who could ask for figures of unknown speakers.
    fields = {"evaluation": "auto", **with_default_preset(settings.train_defaults)}
    # A folder for this job alone: the data of another version of the archive must not be reused.
    data_path = f"{fields['data_path']}/{data_folder(job_id)}"
    return read_train_request({**fields, "data_path": data_path, "remote_url": event.uri}, settings)


@contextmanager
def open_object(event: ObjectCreated, access: Access) -> Iterator[Content]:
    """Yield the response of the store for a created object, in the announced version."""
    if event.store == "file" and not os.path.lexists(access.path(event.uri)):
        raise Gone("it does not exist")
    version = Version(event.version, event.etag)
    try:
        with opener_for(event.uri, access, PATIENCE, version)(NOTHING) as answer:
            yield answer
    except (Missing, Conflict) as error:
        raise Gone(error.detail) from error
    except Interrupted as error:
        raise RemoteFailed(f"{event.uri} cannot be read: {error}") from error


def read_content(answer: Content, event: ObjectCreated, settings: Settings) -> bytes:
    """Return the bytes of an object; raise :class:`TooLarge` above ``SER_MAX_BODY_MB``."""
    data = bytearray()
    for chunk in answer.chunks:
        data += chunk
        if len(data) > settings.max_body_bytes:
            raise TooLarge(
                f"{event.uri} is larger than {settings.max_body_bytes / MEGABYTE:g} MB, the limit "
                "set by SER_MAX_BODY_MB."
            )
    return bytes(data)
