"""The function predict: probabilities of emotions for sounds, and the reports of models."""

from __future__ import annotations

import functions_framework
from flask import Request, Response

from ser.service.answers import PredictAnswer
from ser.service.http import Function, Page, get_health
from ser.service.inference import Predictor, PredictRequest, ReportRequest, routes
from ser.service.routes import Call

predictor = Predictor()


def post_predict(call: Call[PredictRequest]) -> PredictAnswer:
    """Return the predictions for the sounds that the request carries or names."""
    return predictor.predict(call.request, call.settings)


def get_report(call: Call[ReportRequest]) -> Page:
    """Return the report of the model with the given id or alias."""
    model_id, html = predictor.report(call.request)
    # An alias may move to another model.
    return Page(html, immutable=model_id == call.request.model_id)


function = Function(
    (routes.PREDICT, post_predict),
    (routes.REPORT, get_report),
    (routes.HEALTH, get_health),
)


@functions_framework.http
def predict(request: Request) -> Response:
    """Answer a request."""
    return function(request)
