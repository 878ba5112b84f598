"""Jobs of predict, as its routes answer for them."""

from __future__ import annotations

from ser.service.answers import PredictJobAnswer
from ser.service.callers import Caller
from ser.service.inference.request import PredictRequest
from ser.service.jobs import running
from ser.service.jobs.handover import create_job
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import Jobs, open_jobs
from ser.service.jobs.predictions import Predictions, described, encode_request
from ser.service.settings import Settings


def create(request: PredictRequest, settings: Settings, caller: Caller) -> PredictJobAnswer:
    """Return a new job of ``caller`` for ``request``, which another process runs."""
    jobs = open_jobs(settings, Predictions(), caller=caller)
    body = encode_request(request)
    return answer_of(jobs, create_job(jobs, described(request), settings, body=body))


def get(job_id: str, settings: Settings, caller: Caller) -> PredictJobAnswer:
    """Return the state of a job, with its result once it has ended."""
    jobs = open_jobs(settings, Predictions(), caller=caller)
    running.end_if_exhausted(jobs, job_id, settings)
    return answer_of(jobs, jobs.read(job_id))


def cancel(job_id: str, settings: Settings, caller: Caller) -> PredictJobAnswer:
    """Cancel a job and return it."""
    jobs = open_jobs(settings, Predictions(), caller=caller)
    return answer_of(jobs, running.cancel(jobs, job_id, settings))


def answer_of(jobs: Jobs, job: Job) -> PredictJobAnswer:
    """Return ``job`` with its request and its result."""
    return jobs.answer_as(PredictJobAnswer, job)
