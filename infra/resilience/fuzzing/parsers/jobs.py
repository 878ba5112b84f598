"""Documents of the store of jobs: jobs of both functions, and claims of objects."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from resilience.fuzzing.functions import JSON, FunctionClient, settings
from resilience.fuzzing.mutations import mutate_json
from resilience.fuzzing.parser import Opened, Parser
from ser.errors import InvalidInput, SerError
from ser.service.events import ObjectCreated
from ser.service.jobs.jobs import open_jobs
from ser.service.jobs.predictions import Predictions
from ser.service.jobs.trainings import Trainings
from ser.service.settings import Settings
from ser.service.training.request import read_train_request
from ser.service.training.routes import TRAIN_EXAMPLE

DAY = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = {
    "data_path": "data",
    "remote_url": "corpus.zip",
    "model_save_path": "model",
    "model_type": "RandomForestClassifier",
}
RECORD = {
    "eventName": "ObjectCreated:Put",
    "s3": {"bucket": {"name": "corpora"}, "object": {"key": "a.zip", "eTag": "0123"}},
}


def job_documents(folder: Path) -> list[bytes]:
    """Return documents of jobs of train in several states."""
    config = Settings(allowed_paths=(folder,), jobs_uri=str(folder / "made"))
    jobs = open_jobs(config, Trainings(), clock=lambda: DAY)
    request = read_train_request(REQUEST, config)
    ids = [jobs.add(request).job_id for _ in range(4)]
    for job_id in ids[1:]:
        _, lease = jobs.take(job_id)
        assert lease is not None
        jobs.begin(job_id, lease)
        if job_id == ids[2]:
            jobs.succeed(job_id, TRAIN_EXAMPLE | {"model_id": job_id}, lease)
        if job_id == ids[3]:
            jobs.fail(job_id, lease, InvalidInput("model_type: unknown"))
    return [(folder / "made" / "jobs" / f"{job_id}.json").read_bytes() for job_id in ids]


def prediction_documents(folder: Path) -> list[bytes]:
    """Return the document of a job of predict."""
    config = Settings(allowed_paths=(folder,), jobs_uri=str(folder / "made"))
    jobs = open_jobs(config, Predictions(), clock=lambda: DAY)
    job = jobs.add({"model_save_path": "model", "audio": ["a.wav"], "on_error": "refuse"})
    return [(folder / "made" / "predictions" / f"{job.job_id}.json").read_bytes()]


def read_job(function: FunctionClient, name: str, kept_in: str, data: bytes, case: Path) -> None:
    """Ask for a job whose document is ``data``, and cancel it."""
    settings(case, SER_JOBS_URI=str(case / "jobs"))
    job_id = "20260101T000000Z-0123abcd"
    path = case / "jobs" / kept_in / f"{job_id}.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    for method, address in (("GET", f"/{name}"), ("GET", f"/{name}/{job_id}")):
        with suppress(SerError):
            function.request(method, address)
    function.request("DELETE", f"/{name}/{job_id}")


def open_train_jobs(folder: Path) -> Opened:
    train = FunctionClient("train")
    payloads = job_documents(folder)
    return Opened(payloads, lambda data, case: read_job(train, "train", "jobs", data, case))


def open_predict_jobs(folder: Path) -> Opened:
    predict = FunctionClient("predict")
    payloads = prediction_documents(folder)
    return Opened(
        payloads, lambda data, case: read_job(predict, "predict", "predictions", data, case)
    )


def open_claims(folder: Path) -> Opened:
    """Return POST /events for an object that has a claim."""
    del folder
    train = FunctionClient("train")
    identity = ObjectCreated("s3", "corpora", "a.zip", "", "0123").identity

    def read(data: bytes, case: Path) -> None:
        settings(case, SER_JOBS_URI=str(case / "jobs"))
        (case / "jobs" / "claims").mkdir(parents=True)
        (case / "jobs" / "claims" / f"{identity}.json").write_bytes(data)
        body = json.dumps({"Records": [RECORD]}).encode()
        train.request("POST", "/events", body, headers=JSON)

    return Opened([b'{\n  "job_id": "20260101T000000Z-0123abcd"\n}'], read)


PARSERS = (
    Parser("jobs of train", open_train_jobs, mutate_json),
    Parser("jobs of predict", open_predict_jobs, mutate_json, 2),
    Parser("claims", open_claims, mutate_json, 2),
)
