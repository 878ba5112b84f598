"""What is known of a job, and what may become of it.

    queued ──> running ──> succeeded
       │          ├──────> failed
       └──────────┴──────> cancelled

Nothing leads back: a job whose attempt ended by a passing fault stays ``running``, held by nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from ser.corpora.fetching import without_secrets
from ser.errors import SerError
from ser.service import problems

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]

WAITING = "waiting for another attempt"
"""The stage of a job whose last attempt was ended by a passing fault."""
PUBLISHING = "publish"
"""The stage of a job whose model is about to be there; from then on it is not cancelled."""


class Lease(msgspec.Struct, frozen=True):
    """Who is at work on a job, and until when nobody else will be."""

    holder: str
    expires_at: datetime


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A training that somebody waits for; its changes are new objects."""

    job_id: str
    """The id of its model, too: whatever crashes, there is no second one."""
    status: Status = "queued"
    stage: str = ""
    progress: float = 0.0
    """Share of the stage that is done."""
    attempts: int = 0
    created_at: datetime
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    lease: Lease | None = None
    trigger: dict[str, str] | None = None
    """The object whose arrival asked for it."""
    request: dict[str, Any]
    """As for POST /train."""
    result: dict[str, Any] | None = None
    """The answer of POST /train."""
    problem: dict[str, Any] | None = None
    """What ended it, or its last attempt, as RFC 9457 has it."""

    @property
    def is_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status not in ("queued", "running")

    def is_held(self, now: datetime) -> bool:
        """Whether somebody is at work on it."""
        # Beyond a day it is no lease, but a clock that was wrong.
        return self.lease is not None and now < self.lease.expires_at < now + timedelta(days=1)

    def is_held_by(self, lease: Lease) -> bool:
        """Whether that is the holder of ``lease``, however late."""
        return self.lease is not None and self.lease.holder == lease.holder

    def held(self, lease: Lease) -> Job:
        """Return it with its holder, who has not begun yet."""
        return replace(self, lease=lease)

    def begun(self, lease: Lease, now: datetime) -> Job:
        """Return it with one attempt more."""
        return replace(
            self,
            status="running",
            stage="start",
            attempts=self.attempts + 1,
            begun_at=self.begun_at or now,
            lease=lease,
        )

    def kept(self, lease: Lease, stage: str, progress: float) -> Job:
        """Return it a little farther."""
        return replace(self, lease=lease, stage=stage, progress=progress)

    def put_back(self, error: SerError) -> Job:
        """Return it to be begun again by whoever comes; its model may be there all the same."""
        stage = PUBLISHING if self.stage == PUBLISHING else WAITING
        return replace(
            self, stage=stage, progress=0.0, lease=None, problem=problems.document(error)
        )

    def succeeded(self, result: dict[str, Any], now: datetime) -> Job:
        """Return it with what its training came to."""
        ended = self._ended("succeeded", now)
        return replace(ended, stage="", progress=1.0, result=result, problem=None)

    def failed(self, problem: dict[str, Any], now: datetime) -> Job:
        """Return it with what was wrong."""
        return replace(self._ended("failed", now), problem=problem)

    def cancelled(self, now: datetime) -> Job:
        """Return it as nobody's any more."""
        return self._ended("cancelled", now)

    def _ended(self, status: Status, now: datetime) -> Job:
        return replace(self, status=status, ended_at=now, lease=None)

    def answer(self) -> dict[str, Any]:
        """Return what those who ask are told: all but what is secret, and who is at work."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        del told["lease"]
        if isinstance(url := told["request"].get("remote_url"), str):
            told["request"]["remote_url"] = without_secrets(url)
        return told

    def summary(self) -> dict[str, Any]:
        """Return what a list tells of it."""
        return {
            name: value
            for name, value in self.answer().items()
            if name not in ("request", "result")
        }
