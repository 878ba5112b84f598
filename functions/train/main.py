"""The function train: models for corpora, at once, as jobs, or on the arrival of an object."""

from __future__ import annotations

import msgspec
from werkzeug.wrappers import Request, Response

from ser.service import problems
from ser.service.answers import (
    EventsAnswer,
    JobAnswer,
    JobList,
    JobSummary,
    Problem,
    TrainAnswer,
)
from ser.service.events import Refused, read_events
from ser.service.http import Function, Reply, get_health
from ser.service.jobs.delivery import deliver
from ser.service.jobs.handover import create_job
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import Jobs, as_transient, open_jobs
from ser.service.jobs.running import cancel, end_if_exhausted
from ser.service.jobs.trainings import Trainings, slot_of_training
from ser.service.observation import observed
from ser.service.probes import metrics_handler, readiness_handler
from ser.service.routes import Call
from ser.service.training import readiness, routes
from ser.service.training.process import TrainingProcesses
from ser.service.training.request import TrainRequest, check_writable

processes = TrainingProcesses()
trainings = Trainings(processes)


def post_train(call: Call[TrainRequest]) -> TrainAnswer | Reply:
    """Return the answer of the training, or a new job if the client prefers not to wait."""
    check_writable(call.request)
    if call.wants_job:
        jobs = open_jobs(call.settings, trainings, caller=call.caller)
        return Reply.of_job(
            job_answer(jobs, create_job(jobs, call.request, call.settings)), "/train"
        )
    with slot_of_training(call.caller, call.settings, trainings):
        answer = processes.train(
            call.request,
            limit=call.settings.max_trainings,
            seconds=call.settings.max_train_seconds,
            is_client_gone=call.is_client_gone,
        )
    observed().note_training(answer["model_id"], answer["seconds"])
    return msgspec.convert(answer, TrainAnswer)


def receive_events(call: Call[bytes]) -> EventsAnswer:
    """Train on the objects of a notification, and return the jobs.

    Objects that cannot be identified are reported, not refused: the sender would repeat the
    notification without end.
    """
    with as_transient():
        jobs = open_jobs(call.settings, trainings).owned_by(call.caller)
    events = read_events(call.headers, call.request)
    delivered = deliver(events, jobs, call.settings)
    refused = [problems.document(event.error) for event in events if isinstance(event, Refused)]
    return EventsAnswer(
        jobs=[job_summary(job) for job in delivered if call.caller.may_see(job.owner)],
        refused=msgspec.convert(refused, list[Problem]),
    )


def list_jobs(call: Call[routes.JobsQuery]) -> JobList:
    """Return a page of jobs, newest first."""
    jobs = open_jobs(call.settings, trainings, caller=call.caller).newest(
        limit=call.request.limit, before=call.request.before
    )
    return JobList(jobs=[job_summary(job) for job in jobs])


def get_job(call: Call[None]) -> JobAnswer:
    """Return the state of a job, with its result once it has ended."""
    jobs, job_id = open_jobs(call.settings, trainings, caller=call.caller), call.path["job_id"]
    end_if_exhausted(jobs, job_id, call.settings)
    return job_answer(jobs, jobs.read(job_id))


def cancel_job(call: Call[None]) -> JobAnswer:
    """Cancel a job and return it."""
    jobs = open_jobs(call.settings, trainings, caller=call.caller)
    return job_answer(jobs, cancel(jobs, call.path["job_id"], call.settings))


def job_answer(jobs: Jobs, job: Job) -> JobAnswer:
    """Return ``job`` with its request and its result."""
    return jobs.answer_as(JobAnswer, job)


def job_summary(job: Job) -> JobSummary:
    """Return ``job`` without its request and its result."""
    return msgspec.convert(job.summary(), JobSummary)


function = Function(
    (routes.TRAIN, post_train),
    (routes.LIST_JOBS, list_jobs),
    (routes.GET_JOB, get_job),
    (routes.CANCEL_JOB, cancel_job),
    (routes.EVENTS, receive_events),
    (routes.HEALTH, get_health),
    (routes.READINESS, readiness_handler(("store", "jobs"), readiness.check)),
    (routes.METRICS, metrics_handler("train")),
)


def train(request: Request) -> Response:
    """Answer a request."""
    return function(request)
