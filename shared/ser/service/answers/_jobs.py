"""Answers about jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from ser.service.answers._base import Answer, Problem
from ser.service.answers._inference import PredictAnswer
from ser.service.answers._training import TrainAnswer


class JobState(Answer, frozen=True, kw_only=True):
    """The state of a job."""

    job_id: Annotated[str, Meta(description="Id of the job, and of the model of a training.")]
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    stage: Annotated[str, Meta(description="The current step.")]
    progress: Annotated[float, Meta(description="Completed share of the step, from 0 to 1.")]
    attempts: Annotated[int, Meta(description="Number of attempts so far.")]
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None
    trigger: Annotated[
        dict[str, str] | None,
        Meta(
            description="The object whose arrival created the job: `uri`, `bucket`, `key`, "
            "`version` and `etag`."
        ),
    ]


class JobSummary(JobState, frozen=True, kw_only=True):
    """A job as lists show it: without request and result."""

    problem: Annotated[
        Problem | None, Meta(description="The failure of the job, or of its last attempt.")
    ]


class JobAnswer(JobState, frozen=True, kw_only=True):
    """A job with its request and its result."""

    request: Annotated[
        dict[str, Any], Meta(description="The body of POST /train, without secrets.")
    ]
    result: Annotated[
        TrainAnswer | None, Meta(description="The answer of POST /train, once succeeded.")
    ]
    problem: Annotated[
        Problem | None, Meta(description="The failure of the job, or of its last attempt.")
    ]


class PredictJobAnswer(JobState, frozen=True, kw_only=True):
    """A job of predict with its request and its result."""

    request: Annotated[
        dict[str, Any],
        Meta(
            description="The fields of POST /predict, with names and addresses in place of sounds."
        ),
    ]
    result: Annotated[
        PredictAnswer | None, Meta(description="The answer of POST /predict, once succeeded.")
    ]
    problem: Annotated[
        Problem | None, Meta(description="The failure of the job, or of its last attempt.")
    ]


class JobList(Answer, frozen=True, kw_only=True):
    """Jobs, newest first."""

    jobs: list[JobSummary]


class EventsAnswer(Answer, frozen=True, kw_only=True):
    """The jobs of a notification, all of which have ended, and the objects refused."""

    jobs: list[JobSummary]
    refused: Annotated[
        list[Problem], Meta(description="One problem for each object that is not identified.")
    ]
