"""POST /predict: speech goes in, the probabilities of emotions come out; and models' reports."""

from __future__ import annotations

from typing import Any

import functions_framework
from flask import Request, Response
from werkzeug.datastructures import MultiDict

from ser.service.bodies import joined, read_sounds
from ser.service.http import Function, Page, Route
from ser.service.inference import Predictor, describe_predict
from ser.service.settings import Settings

predictor = Predictor()


def answer(request: Request, settings: Settings) -> dict[str, Any]:
    """Return the probabilities of the sounds that ``request`` carries or names."""
    return predictor.predict(read_sounds(request, settings), settings)


def report(request: Request, settings: Settings, model_id: str) -> Page:
    """Return the report of the model behind ``model_id``, an id or an alias."""
    query = joined(request.args, MultiDict([("model_id", model_id)]))
    found, html = predictor.report(query, settings)
    # An alias will lead to another model one day.
    return Page(html, immutable=found == model_id)


function = Function(
    Route("POST", "/predict", answer),
    Route("GET", "/models/<model_id>/report", report),
    describe=describe_predict,
)


@functions_framework.http
def predict(request: Request) -> Response:
    """The function."""
    return function(request)
