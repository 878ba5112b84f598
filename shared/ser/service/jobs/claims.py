"""Removes claims that can no longer be needed."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta

from ser._addresses import local_path, scheme
from ser.errors import Conflict, NotFound
from ser.service.jobs.documents import decode_claim, decode_document
from ser.service.jobs.jobs import Jobs

log = logging.getLogger("ser")

RETENTION = timedelta(days=90)
"""Time for which a claim keeps an object from being trained on again: longer than any store or
queue repeats an announcement."""


def sweep_claims(jobs: Jobs) -> None:
    """Remove the claims of trainings older than :data:`RETENTION`.

    Those of files that are still in their folder stay: these are announced again whenever the
    folder is watched. In a bucket a rule of its lifecycle removes claims.
    """
    for name in jobs.store.names("claims"):
        key = f"claims/{name}"
        if (stored := jobs.store.read(key)) is None:
            continue
        try:
            job_id = decode_document(stored, decode_claim, key).job_id
            expired = jobs.clock() - time_of(job_id) > RETENTION
            if expired and not is_file_there(job_id, jobs):
                jobs.store.delete(key)
        except Conflict as error:
            log.warning("a claim is kept: %s", error.detail)


def is_file_there(job_id: str, jobs: Jobs) -> bool:
    """Return whether the file that started a job is still in its folder."""
    try:
        trigger = jobs.read(job_id).trigger or {}
    except NotFound:
        return False
    uri = trigger.get("uri", "")
    return scheme(uri) == "file" and os.path.lexists(local_path(uri))


def time_of(job_id: str) -> datetime:
    """Return the time at which a job was made, which its id begins with."""
    return datetime.strptime(job_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
