"""Routes of predict."""

from __future__ import annotations

from functools import partial

from ser.service.answers import PredictAnswer
from ser.service.bodies import JSON, MULTIPART, SOUND
from ser.service.inference.request import PredictRequest, ReportRequest, read_request
from ser.service.routes import Html, Route, health_of

PREDICT = Route(
    method="POST",
    path="/predict",
    operation="predict",
    tag="predict",
    summary="Predict the emotions of sounds",
    scope="predict",
    request=PredictRequest,
    parse=partial(read_request, PredictRequest),
    reads=(JSON, MULTIPART, SOUND),
    body="The sounds, in JSON, as files, or one sound itself.",
    answer=PredictAnswer,
    problems=(400, 404, 409, 413, 415, 422, 502, 503),
    example={"model_id": "latest", "model_save_path": "./model", "sample_name": "03a05Nd.wav"},
    answer_example={
        "sample_name": ["03a05Nd.wav"],
        "ground_truth": ["N"],
        "speech": [True],
        "too_short": [False],
        "prediction": ["N"],
        "probabilities": [{"A - Angst": 0.25, "N - Neutral": 0.75}],
        "emotions": ["neutral"],
        "model_id": "20261122T152630Z-f05f17da",
    },
)
REPORT = Route(
    method="GET",
    path="/models/{model_id}/report",
    operation="get_report",
    tag="predict",
    summary="Get the report of a model",
    scope="predict",
    request=ReportRequest,
    parse=partial(read_request, ReportRequest),
    answer=Html("The report: figures and plots in one page."),
    problems=(404, 409, 422, 502, 503),
)
HEALTH = health_of("predict")

ROUTES = (PREDICT, REPORT, HEALTH)
