"""The function predict: probabilities of emotions for sounds, and the reports of models."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from ser.registry import READY
from ser.service.answers import PredictAnswer, PredictJobAnswer
from ser.service.bodies import JSON_TYPE
from ser.service.http import Function, Lines, Page, Reply, Text, get_health
from ser.service.inference import (
    CSV,
    NDJSON,
    Predictor,
    PredictRequest,
    ReportRequest,
    charge_of,
    routes,
    with_timeline,
)
from ser.service.preparation import MODELS
from ser.service.routes import Call

predictor = Predictor(MODELS)


def post_predict(call: Call[PredictRequest]) -> PredictAnswer | Reply | Text | Lines:
    """Return the predictions for the sounds that the request carries or names, or a new job if the
    client prefers not to wait."""
    if call.wants_job:
        # Imported here, like all of jobs, because cold starts must be short.
        from ser.service.inference import jobs

        return Reply.of_job(jobs.create(call.request, call.settings, call.caller), "/predict")
    charge = charge_of(call.caller, call.settings)
    if call.form == JSON_TYPE:
        return predictor.predict(call.request, call.settings, charge)
    request = with_timeline(call.request)
    if call.form == NDJSON:
        return Lines(predictor.lines(request, call.settings, charge), NDJSON)
    timeline = predictor.timeline(request, call.form, call.settings, charge)
    return Text(timeline.to_csv() if call.form == CSV else timeline.to_vtt(), call.form)


def get_report(call: Call[ReportRequest]) -> Page:
    """Return the report of the model with the given id or alias."""
    model_id, html = predictor.report(call.request, call.settings)
    # An alias may move to another model, and the next version of the software has another `ready`.
    immutable = model_id == call.request.model_id and model_id != READY
    return Page(html, immutable=immutable)


def get_job(call: Call[None]) -> PredictJobAnswer:
    """Return the state of a job, with its result once it has ended."""
    from ser.service.inference import jobs

    return jobs.get(call.path["job_id"], call.settings, call.caller)


def cancel_job(call: Call[None]) -> PredictJobAnswer:
    """Cancel a job and return it."""
    from ser.service.inference import jobs

    return jobs.cancel(call.path["job_id"], call.settings, call.caller)


function = Function(
    (routes.PREDICT, post_predict),
    (routes.GET_JOB, get_job),
    (routes.CANCEL_JOB, cancel_job),
    (routes.REPORT, get_report),
    (routes.HEALTH, get_health),
)


def predict(request: Request) -> Response:
    """Answer a request."""
    return function(request)
