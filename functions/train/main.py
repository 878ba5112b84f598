"""POST /train: a corpus goes in, a model lands in the registry."""

from __future__ import annotations

from typing import Any

import functions_framework
from flask import Request, Response

from ser.http import Function, Route, read_json
from ser.settings import Settings
from ser.training.description import describe_train
from ser.training.process import TrainingProcesses
from ser.training.request import check_writable, read_train_request

trainings = TrainingProcesses()


def answer(request: Request, settings: Settings) -> dict[str, Any]:
    """Return what the training that ``request`` asks for came to."""
    body = read_json(request, settings)
    check_writable(read_train_request(body, settings))
    return trainings.run(body, limit=settings.max_trainings)


function = Function(Route("POST", "/train", answer), describe=describe_train)


@functions_framework.http
def train(request: Request) -> Response:
    """The function."""
    return function(request)
