"""Trainings as jobs of the server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from ser.client._errors import error_of
from ser.client._transport import Transport
from ser.errors import RemoteFailed, SerError

POLL_SECONDS = 1.0
"""Time between two questions for the state of a job."""
PAGE = 100
SourceLike = str | Mapping[str, Any]
"""A place that the server can read, or a source with ``remote_url``, ``corpus`` and ``labels``."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a training at the time of the question.

    Examples
    --------
    >>> import msgspec
    >>> from ser.client import Job
    >>> answer = {"job_id": "a", "status": "running", "stage": "features", "progress": 0.4}
    >>> job = msgspec.convert(answer, Job)
    >>> job.ended, job.stage, job.progress
    (False, 'features', 0.4)
    """

    job_id: str
    """Id of the job, and of the model that it publishes."""
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    stage: str
    """The current step."""
    progress: float
    """Completed share of the step, from 0 to 1."""
    created_at: datetime | None = None
    ended_at: datetime | None = None
    result: dict[str, Any] | None = None
    """The answer of POST /train, once succeeded; lists of jobs leave it out."""
    problem: dict[str, Any] | None = None
    """The problem document of a failure."""

    @property
    def ended(self) -> bool:
        """Whether the job has succeeded, failed or been cancelled."""
        return self.status in ("succeeded", "failed", "cancelled")

    @property
    def error(self) -> SerError | None:
        """The failure as an error of the library; ``None`` without one."""
        return None if self.problem is None else error_of(self.problem)


class Jobs:
    """The trainings of a server that keeps jobs."""

    def __init__(self, transport: Transport, registry: str | None) -> None:
        self._transport, self._registry = transport, registry

    def submit(self, source: SourceLike | Sequence[SourceLike], **fields: Any) -> Job:
        """Begin a training, and return its job.

        A server without a place for jobs trains before it answers; the job has then ended.

        Parameters
        ----------
        source
            The corpus, in a place that the server can read.
        fields
            Further fields of POST /train. ``data_path`` is ``"data"`` unless it is given.

        Raises
        ------
        SerError
            The server refuses the request, or does not answer. The request is not repeated, since
            the server may have begun.
        """
        body = {"data_path": "data", "remote_url": source, **fields}
        if self._registry:
            body.setdefault("model_save_path", self._registry)
        answer = self._transport.ask(
            "POST",
            "/train",
            body=body,
            headers={"Prefer": "respond-async"},
            repeatable=False,
            patient=True,
        )
        if "job_id" in answer:
            return job_of(answer)
        return Job(
            job_id=str(answer.get("model_id")),
            status="succeeded",
            stage="done",
            progress=1.0,
            result=answer,
        )

    def get(self, job_id: str) -> Job:
        """Return the present state of a job, with its result once it has succeeded."""
        return job_of(self._transport.ask("GET", f"/train/{segment(job_id)}"))

    def follow(self, job_id: str, seconds: float = POLL_SECONDS) -> Iterator[Job]:
        """Yield the state of a job every ``seconds``, until it has ended."""
        while True:
            job = self.get(job_id)
            yield job
            if job.ended:
                return
            time.sleep(seconds)

    def list(self, limit: int | None = None) -> Iterator[Job]:
        """Yield jobs without their results, newest first; at most ``limit``."""
        left, before = limit, None
        while left is None or left > 0:
            size = PAGE if left is None else min(PAGE, left)
            query = {"limit": size} | ({"before": before} if before else {})
            page = [*map(job_of, self._transport.ask("GET", "/train", query=query)["jobs"])]
            yield from page
            if len(page) < size:
                return
            before = page[-1].job_id
            left = None if left is None else left - size

    def delete(self, job_id: str) -> Job:
        """Cancel a job that is queued or running, and return its state."""
        return job_of(self._transport.ask("DELETE", f"/train/{segment(job_id)}", repeatable=False))


def job_of(answer: Mapping[str, Any]) -> Job:
    """Return the job in ``answer``."""
    try:
        return msgspec.convert(answer, Job)
    except msgspec.ValidationError as error:
        raise RemoteFailed(f"the server did not answer with a job: {error}") from error


def segment(name: str) -> str:
    """Return ``name`` as one segment of a path."""
    from urllib.parse import quote

    return quote(str(name), safe="")
