"""The document of a job and its states.

    queued ──> running ──> succeeded
       │          ├──────> failed
       └──────────┴──────> cancelled

No transition leads back: a job whose attempt ended with a transient error stays ``running``, and
has no lease.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from ser.corpora.fetching import redact_url
from ser.errors import Busy, InvalidInput, SerError
from ser.service import problems
from ser.service.training.request import TrainRequest, decode_field

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]

WAITING = "waiting for another attempt"
"""The stage of a job whose last attempt ended with a transient error."""
PUBLISHING = "publish"
"""The stage of a job whose model is being published; from then on it cannot be cancelled."""


class Lease(msgspec.Struct, frozen=True):
    """The exclusive right of one holder to run a job, until it expires."""

    holder: str
    expires_at: datetime


class LeaseLost(Exception):
    """The job was cancelled, or another process has taken it."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One training and its state. Immutable: each change returns a new object."""

    job_id: str
    """Also the id of its model, so that no crash leads to a second model."""
    status: Status = "queued"
    stage: str = ""
    progress: float = 0.0
    """Share of the stage that is done, 0 to 1."""
    attempts: int = 0
    created_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    lease: Lease | None = None
    trigger: dict[str, str] | None = None
    """The object whose arrival started the job."""
    request: TrainRequest | None = None
    """``None`` for an object without a valid request, whose job has failed, and while
    ``unread_request`` is set."""
    unread_request: dict[str, Any] | None = None
    """The request as another version of this software stored it; it is read when the job runs."""
    result: dict[str, Any] | None = None
    """The answer of POST /train."""
    problem: dict[str, Any] | None = None
    """The error that ended the job or its last attempt, as an RFC 9457 problem."""

    @property
    def is_ended(self) -> bool:
        """Whether the job has reached a final state."""
        return self.status not in ("queued", "running")

    def is_held(self, now: datetime) -> bool:
        """Whether a holder has the job at ``now``."""
        # A lease of more than a day comes from a wrong clock, and does not count.
        return self.lease is not None and now < self.lease.expires_at < now + timedelta(days=1)

    def is_held_by(self, lease: Lease) -> bool:
        """Whether the holder of ``lease`` was the last to take the job, even if it has expired."""
        return self.lease is not None and self.lease.holder == lease.holder

    def require_holder(self, lease: Lease) -> Job:
        """Return the job itself; raise :class:`LeaseLost` unless the holder of ``lease`` has it."""
        if not self.is_held_by(lease):
            raise LeaseLost
        return self

    def with_lease(self, lease: Lease) -> Job:
        """Return the job with a holder that has not begun an attempt yet."""
        return replace(self, lease=lease)

    def with_attempt(self, lease: Lease, now: datetime) -> Job:
        """Return the job with one more attempt, begun at ``now``."""
        return replace(
            self,
            status="running",
            stage="start",
            attempts=self.attempts + 1,
            begun_at=self.begun_at or now,
            lease=lease,
        )

    def with_progress(self, lease: Lease, stage: str, progress: float) -> Job:
        """Return the job with a renewed lease and the progress of its attempt."""
        return replace(self, lease=lease, stage=stage, progress=progress)

    def without_lease(self, error: SerError) -> Job:
        """Return the job ready for another attempt after ``error``.

        The stage :data:`PUBLISHING` stays: the model may have been published nevertheless.
        """
        stage = PUBLISHING if self.stage == PUBLISHING else WAITING
        return replace(
            self, stage=stage, progress=0.0, lease=None, problem=problems.document(error)
        )

    def as_succeeded(self, result: dict[str, Any], now: datetime) -> Job:
        """Return the job ended with the answer of its training."""
        ended = self._as_ended("succeeded", now)
        return replace(ended, stage="", progress=1.0, result=result, problem=None)

    def as_failed(self, problem: dict[str, Any], now: datetime) -> Job:
        """Return the job ended by ``problem``."""
        return replace(self._as_ended("failed", now), problem=problem)

    def as_cancelled(self, now: datetime) -> Job:
        """Return the job ended by a cancellation."""
        return self._as_ended("cancelled", now)

    def _as_ended(self, status: Status, now: datetime) -> Job:
        return replace(self, status=status, ended_at=now, lease=None)

    def answer(self) -> dict[str, Any]:
        """Return the job as clients see it: without secrets and without its lease."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        unread = fields.pop("unread_request")
        del fields["lease"]
        fields["request"] = request = fields["request"] or unread or {}
        if "remote_url" in request:
            request["remote_url"] = without_secrets(request["remote_url"])
        return fields

    def summary(self) -> dict[str, Any]:
        """Return the job as a list of jobs shows it."""
        return {
            name: value
            for name, value in self.answer().items()
            if name not in ("request", "result")
        }


def without_secrets(remote_url: object) -> object:
    """Return the field ``remote_url`` of a request without the secret parts of its URLs."""
    if isinstance(remote_url, str):
        return redact_url(remote_url)
    if isinstance(remote_url, list):
        return [without_secrets(source) for source in remote_url]
    if isinstance(remote_url, dict):
        return remote_url | {"remote_url": without_secrets(remote_url.get("remote_url"))}
    return remote_url


def exhaustion_error(job: Job) -> SerError:
    """Return the error for a job without attempts left: that of its last attempt, if it had one."""
    last = problems.from_document(job.problem) if job.problem else None
    if last is not None and not isinstance(last, Busy):
        return last
    count = "1 attempt" if job.attempts == 1 else f"{job.attempts} attempts"
    return SerError(
        f"The job has no result after {count}: each time the process that ran it was lost."
    )


def decode_job(data: bytes) -> Job:
    """Return the job that a document of the store holds, written by any version.

    Earlier versions stored the body of POST /train as they received it, without the field
    ``unread_request``. A request that a later version stored may not fit either. Both become the
    ``unread_request`` of the job.

    Raises
    ------
    msgspec.DecodeError
        The document is damaged.
    """
    fields = msgspec.json.decode(data, type=dict[str, Any])
    stored = fields.pop("request", None)
    request = read_stored_request(stored) if "unread_request" in fields else None
    if stored and request is None:
        fields["unread_request"] = stored
    return replace(msgspec.convert(fields, Job), request=request)


def read_stored_request(stored: object) -> TrainRequest | None:
    """Return the request that this version has stored, or ``None`` for any other value."""
    try:
        return msgspec.convert(stored, TrainRequest, dec_hook=decode_field)
    except (msgspec.ValidationError, InvalidInput):
        return None
