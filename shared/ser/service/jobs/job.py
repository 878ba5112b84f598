"""The document of a job and its states.

    queued ──> running ──> succeeded
       │          ├──────> failed
       └──────────┴──────> cancelled

No transition leads back: a job whose attempt ended with a transient error stays ``running``, and
has no lease.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from ser.errors import Busy, SerError
from ser.service import problems
from ser.service.answers import Problem
from ser.service.problems import TrainingLost

TRIGGER_PARTS = frozenset({"uri", "bucket", "key", "version", "etag"})
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
    """One training or prediction and its state. Immutable: each change returns a new object."""

    job_id: str
    """Also the id of the model of a training, so that no crash leads to a second model."""
    status: Status = "queued"
    stage: str = ""
    progress: float = 0.0
    """Share of the stage that is done, 0 to 1."""
    attempts: int = 0
    created_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    lease: Lease | None = None
    owner: str | None = None
    """The name of the caller's key; ``None``: the server had none."""
    trigger: dict[str, str] | None = None
    """The object whose arrival started the job."""
    request: Any = None
    """``None`` for an object without a valid request, whose job has failed, and while
    ``unread_request`` is set."""
    unread_request: dict[str, Any] | None = None
    """The request as another version of this software stored it; it is read when the job runs."""
    result: dict[str, Any] | None = None
    """The answer of the request."""
    is_charged: bool = False
    """Whether an attempt has counted its seconds of sound in the quota of ``owner``."""
    crash: str = ""
    """The crash of the last attempt that crashed; see :class:`~ser.service.problems.TrainingLost`.
    """
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

    def as_charged(self) -> Job:
        """Return the job with its seconds of sound counted."""
        return replace(self, is_charged=True)

    def without_lease(self, error: SerError) -> Job:
        """Return the job ready for another attempt after ``error``.

        The stage :data:`PUBLISHING` stays: the model may have been published nevertheless.
        """
        return replace(
            self,
            stage=PUBLISHING if self.stage == PUBLISHING else WAITING,
            progress=0.0,
            lease=None,
            problem=problems.document(error),
            crash=crash_of(error) or self.crash,
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
        """Return the job as clients see it; its request may have secrets."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        unread = fields.pop("unread_request")
        for name in ("lease", "crash", "owner", "is_charged"):
            del fields[name]
        return fields | {"request": fields["request"] or unread or {}}

    def summary(self) -> dict[str, Any]:
        """Return the job as a list of jobs shows it."""
        return {
            name: value
            for name, value in self.answer().items()
            if name not in ("request", "result")
        }


def crash_of(error: SerError) -> str:
    """Return the crash that ``error`` reports; an empty string for any other error."""
    return error.crash if isinstance(error, TrainingLost) else ""


def exhaustion_error(job: Job) -> SerError:
    """Return the error for a job without attempts left: that of its last attempt, if it had one."""
    last = problems.from_document(job.problem) if job.problem else None
    if last is not None and not isinstance(last, Busy):
        return last
    count = "1 attempt" if job.attempts == 1 else f"{job.attempts} attempts"
    return SerError(
        f"The job has no result after {count}: each time the process that ran it was lost."
    )


def decode_job(data: bytes, restore_request: Callable[[object], Any]) -> Job:
    """Return the job that a document of the store holds, written by any version.

    Earlier versions stored the body of POST /train as they received it, without the field
    ``unread_request``. A request that a later version stored may not fit either. Both become the
    ``unread_request`` of the job.

    Parameters
    ----------
    restore_request
        Returns the request that this version has stored, or ``None`` for any other value.

    Raises
    ------
    Exception
        Any of those by which parsers refuse a damaged document; see :func:`.decode_document`.
    """
    fields = msgspec.json.decode(data, type=dict[str, Any])
    stored = fields.pop("request", None)
    request = restore_request(stored) if stored and "unread_request" in fields else None
    if stored and request is None:
        fields["unread_request"] = stored
    job = replace(msgspec.convert(fields, Job), request=request)
    # Read here, so that a part that does not fit is found where the document is decoded.
    if job.problem is not None:
        problems.from_document(job.problem)
        msgspec.convert(job.problem, Problem)
    if job.trigger is not None and (missing := TRIGGER_PARTS - job.trigger.keys()):
        raise ValueError(f"its trigger lacks {', '.join(sorted(missing))}")
    return job
