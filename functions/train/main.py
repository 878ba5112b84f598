"""POST /train: a corpus goes in, a model lands in the registry; now, as a job, or by an event."""

from __future__ import annotations

from typing import Any

import functions_framework
from flask import Request, Response

from ser._schemas import parse
from ser.errors import SerError
from ser.service.events import Refused, read_events
from ser.service.http import Answer, Function, Reply, Route, read_body, read_json
from ser.service.jobs.delivery import deliver
from ser.service.jobs.description import Page, describe
from ser.service.jobs.handover import hand_over
from ser.service.jobs.jobs import as_transient, open_jobs
from ser.service.jobs.running import cancel, end_if_exhausted
from ser.service.settings import Settings
from ser.service.training.process import TrainingProcesses
from ser.service.training.request import TrainRequest, check_writable, read_train_request

POLL_SECONDS = 2

trainings = TrainingProcesses()


def answer(request: Request, settings: Settings) -> Answer:
    """Return what the training that ``request`` asks for came to, or the job that it became."""
    train_request = read_train_request(read_json(request, settings), settings)
    check_writable(train_request)
    if prefers_job(request) and settings.jobs_uri:
        return accept(train_request, settings)
    return trainings.run(train_request, limit=settings.max_trainings)


def prefers_job(request: Request) -> bool:
    """Whether ``request`` says ``Prefer: respond-async`` (RFC 7240)."""
    preferences = ",".join(request.headers.getlist("Prefer")).split(",")
    return "respond-async" in {each.partition(";")[0].strip().lower() for each in preferences}


def accept(request: TrainRequest, settings: Settings) -> Reply:
    """Add a job that trains as ``request`` says, and return it."""
    jobs = open_jobs(settings)
    job = jobs.add(request)
    try:
        hand_over(job, jobs, settings)
    except SerError:
        # Nobody will ever run it.
        jobs.cancel(job.job_id)
        raise
    headers = {
        "Location": f"/train/{job.job_id}",
        "Retry-After": str(POLL_SECONDS),
        "Preference-Applied": "respond-async",
    }
    return Reply(job.answer(), 202, headers)


def events(request: Request, settings: Settings) -> dict[str, Any]:
    """Train on what ``request`` announces, and tell what came of it; refuse nothing, since a sender
    would only send it again."""
    with as_transient():
        jobs = open_jobs(settings)
    announced = read_events(dict(request.headers), read_body(request, settings))
    delivered = deliver(announced, jobs, trainings, settings)
    refused = [event.error.problem() for event in announced if isinstance(event, Refused)]
    return {"jobs": [job.summary() for job in delivered], "refused": refused}


def list_jobs(request: Request, settings: Settings) -> dict[str, Any]:
    """Return the jobs that there are, newest first."""
    page = parse(Page, request.args.to_dict())
    jobs = open_jobs(settings).newest(limit=page.limit, before=page.before)
    return {"jobs": [job.summary() for job in jobs]}


def get_job(_request: Request, settings: Settings, job_id: str) -> dict[str, Any]:
    """Return how far a job is, or what it came to."""
    jobs = open_jobs(settings)
    end_if_exhausted(jobs, job_id, trainings, settings)
    return jobs.read(job_id).answer()


def cancel_job(_request: Request, settings: Settings, job_id: str) -> dict[str, Any]:
    """End a job."""
    return cancel(open_jobs(settings), job_id, settings).answer()


function = Function(
    Route("POST", "/train", answer),
    Route("POST", "/events", events),
    Route("GET", "/train", list_jobs),
    Route("GET", "/train/<job_id>", get_job),
    Route("DELETE", "/train/<job_id>", cancel_job),
    describe=describe,
)


@functions_framework.http
def train(request: Request) -> Response:
    """The function."""
    return function(request)
