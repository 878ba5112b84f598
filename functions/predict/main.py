"""POST /predict: speech goes in, the probabilities of emotions come out."""

from __future__ import annotations

from typing import Any

import functions_framework
from flask import Request, Response

from ser.http import Function, Route
from ser.inference import Predictor, describe_predict
from ser.settings import Settings
from ser.uploads import read_sounds

predictor = Predictor()


def answer(request: Request, settings: Settings) -> dict[str, Any]:
    """Return the probabilities of the sounds that ``request`` carries or names."""
    return predictor.predict(read_sounds(request, settings), settings)


function = Function(Route("POST", "/predict", answer), describe=describe_predict)


@functions_framework.http
def predict(request: Request) -> Response:
    """The function."""
    return function(request)
