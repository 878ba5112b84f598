"""Routes of predict."""

from __future__ import annotations

from functools import partial

from ser.service.answers import PredictAnswer, PredictJobAnswer
from ser.service.bodies import JSON, MULTIPART, SOUND
from ser.service.inference.request import (
    LISTS,
    PredictRequest,
    ReportRequest,
    read_request,
)
from ser.service.inference.timelines import CSV, NDJSON, VTT
from ser.service.routes import (
    ASYNC_HEADERS,
    Html,
    Route,
    health_of,
    job_answer,
    metrics_of,
    readiness_of,
)

FORMS = {
    NDJSON: "The time line as it is computed: a segment in each line, and the answer as the last "
    "one; after an error, a problem document.",
    CSV: "The segments of the time line of one sound.",
    VTT: "The turns of the time line of one sound, as subtitles (WebVTT).",
}
"""The other forms of a time line. A request for one of them that has no ``timeline`` has the
default one."""

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
    lists=frozenset(LISTS),
    headers=ASYNC_HEADERS,
    answer=PredictAnswer,
    forms=FORMS,
    others={202: job_answer(PredictJobAnswer)},
    problems=(400, 404, 409, 413, 415, 422, 429, 502, 503, 507),
    example={"model_id": "latest", "model_save_path": "./model", "sample_name": "03a05Nd.wav"},
    answer_example={
        "sample_name": ["03a05Nd.wav"],
        "ground_truth": ["N"],
        "speech": [True],
        "too_short": [False],
        "prediction": ["N"],
        "probabilities": [{"A - Angst": 0.25, "N - Neutral": 0.75}],
        "emotions": ["neutral"],
        "confidence": [0.75],
        "familiarity": [0.62],
        "reason": [None],
        "model_id": "20261122T152630Z-f05f17da",
    },
)
JOB_EXAMPLE = {
    "job_id": "20261122T193834Z-ef40734d",
    "status": "running",
    "stage": "predict",
    "progress": 0.0,
    "attempts": 1,
    "created_at": "2026-11-22T19:38:34.988126Z",
    "begun_at": "2026-11-22T19:38:35.120458Z",
    "ended_at": None,
    "trigger": None,
    "request": {"model_save_path": "./model", "audio": ["angry.wav"], "on_error": "refuse"},
    "result": None,
    "problem": None,
}
# There is no list of these jobs: only those that know its id may read a result.
GET_JOB = Route(
    method="GET",
    path="/predict/{job_id}",
    operation="get_prediction_job",
    tag="predict",
    summary="Get the state of a job of predict, or its result",
    scope="predict",
    answer=PredictJobAnswer,
    problems=(404, 409, 502),
    answer_example=JOB_EXAMPLE,
)
CANCEL_JOB = Route(
    method="DELETE",
    path="/predict/{job_id}",
    operation="cancel_prediction_job",
    tag="predict",
    summary="Cancel a job of predict that is queued or running",
    scope="predict",
    answer=PredictJobAnswer,
    problems=(404, 409, 502, 503),
    answer_example=JOB_EXAMPLE | {"status": "cancelled", "ended_at": "2026-11-22T19:39:01.733190Z"},
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
READINESS = readiness_of("predict")
METRICS = metrics_of("predict")

ROUTES = (PREDICT, GET_JOB, CANCEL_JOB, REPORT, HEALTH, READINESS, METRICS)
