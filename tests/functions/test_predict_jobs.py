"""Predictions as jobs: POST /predict with ``Prefer: respond-async``, and the routes of jobs."""

from __future__ import annotations

import io
import json
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import msgspec
import numpy as np
import pytest
from werkzeug.datastructures import FileStorage

import buckets
import graphs
import made
from clients import Client
from ser import DomainProfile
from ser.registry import open_registry
from ser.service.callers import ANYONE
from ser.service.inference import Predictor
from ser.service.inference.jobs import create
from ser.service.inference.request import PredictRequest
from ser.service.inference.uploads import SoundAddress, Upload, Uploads
from ser.service.jobs.jobs import open_jobs, utc_now
from ser.service.jobs.predictions import Predictions, decode_request, encode_request
from ser.service.settings import Settings
from ser.store import open_store

ASYNC = {"Prefer": "respond-async"}
SOUND = made.sound(made.signal("03a01Wa.wav"))
TIMEOUT_SECONDS = 120


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The registry of a model."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(tmp_path))
    monkeypatch.setenv("SER_JOBS_URI", str(tmp_path / "state"))
    model = graphs.model(takes_domain=True, measures_familiarity=True)
    model_id = graphs.publish(tmp_path / "model", model)
    open_registry(tmp_path / "model").move("latest", model_id)
    return {"model_save_path": str(tmp_path / "model")}


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def wait_for_job(client: Client, location: str) -> dict[str, Any]:
    """Wait until the job at ``location`` has ended, and return it."""
    wait_until(lambda: client.get(location).json["ended_at"])
    job: dict[str, Any] = client.get(location).json
    return job


def requests(folder: Path) -> list[str]:
    """Return the names of the stored requests."""
    return open_store(folder / "state").names("requests")


def test_the_result_of_a_job_is_the_answer_of_the_same_request(
    predict: Client, train: Client, place: dict[str, str], tmp_path: Path
) -> None:
    def form() -> dict[str, Any]:
        files = [FileStorage(io.BytesIO(data), "a.wav") for data in (SOUND, b"no sound")]
        adapted = {"domain_enrolment": FileStorage(io.BytesIO(SOUND), "b.wav"), "abstain_below": 1}
        return place | {"audio": files, "on_error": "report"} | adapted

    response = predict.post("/predict", data=form(), headers=ASYNC)
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert int(response.headers["Retry-After"]) > 0
    location = response.headers["Location"]
    assert location == f"/predict/{response.json['job_id']}"
    shown = {"audio": ["a.wav", "a.wav"], "domain_enrolment": ["b.wav"], "abstain_below": 1}
    assert shown.items() <= response.json["request"].items()
    job = wait_for_job(predict, location)
    assert job["status"] == "succeeded", job["problem"]
    assert job["result"] == predict.post("/predict", data=form()).json
    assert [problem and problem["status"] for problem in job["result"]["errors"]] == [None, 422]
    assert job["result"]["domain_profile"]["count"] == 1
    assert "below 1" in job["result"]["reason"][0]
    # The sounds are not kept, and the jobs of one function are none of the other one.
    wait_until(lambda: not requests(tmp_path))
    assert train.get("/train").json == {"jobs": []}
    assert train.get(location.replace("/predict/", "/train/")).status_code == 404


@pytest.mark.parametrize("timeline", [True, {"window": 1, "step": 0.25}, "1,0.5"])
def test_a_job_answers_a_time_line(
    predict: Client, place: dict[str, str], timeline: object
) -> None:
    asked = place | {"audio": b64encode(SOUND).decode(), "timeline": timeline}
    response = predict.post("/predict", json=asked, headers=ASYNC)
    job = wait_for_job(predict, response.headers["Location"])
    assert job["status"] == "succeeded", job["problem"]
    assert job["result"]["segments"][0]
    assert job["result"] == predict.post("/predict", json=asked).json


@pytest.mark.parametrize("form", ["application/x-ndjson", "text/csv", "text/vtt"])
def test_a_job_that_is_asked_for_another_form_has_the_time_line_as_its_result(
    predict: Client, place: dict[str, str], form: str
) -> None:
    asked = place | {"audio": b64encode(SOUND).decode()}
    response = predict.post("/predict", json=asked, headers=ASYNC | {"Accept": form})
    assert (response.status_code, response.mimetype) == (202, "application/json")
    job = wait_for_job(predict, response.headers["Location"])
    assert job["result"] == predict.post("/predict", json=asked | {"timeline": True}).json


def test_a_job_fails_with_the_problem_of_its_request(
    predict: Client, place: dict[str, str]
) -> None:
    asked = place | {"audio": ["AAAA"]}
    response = predict.post("/predict", json=asked, headers=ASYNC)
    job = wait_for_job(predict, response.headers["Location"])
    assert (job["status"], job["attempts"]) == ("failed", 1)
    assert job["problem"]["errors"][0]["loc"] == ["audio", 0]
    assert predict.post("/predict", json=asked | {"x": 1}, headers=ASYNC).status_code == 422


def test_without_a_location_for_jobs_the_request_is_answered_directly(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SER_JOBS_URI")
    asked = place | {"audio": b64encode(SOUND).decode()}
    response = predict.post("/predict", json=asked, headers=ASYNC)
    assert response.status_code == 200
    assert "Preference-Applied" not in response.headers
    for answer in (predict.get("/predict/x"), predict.delete("/predict/x")):
        assert answer.status_code == 404
        assert "SER_JOBS_URI" in answer.json["detail"]


def test_a_cancelled_job_is_never_run_and_its_sounds_are_removed(
    predict: Client, place: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.service.jobs.handover.start_worker", lambda _name: None)
    response = predict.post(
        "/predict", json=place | {"audio": b64encode(SOUND).decode()}, headers=ASYNC
    )
    location = response.headers["Location"]
    assert len(requests(tmp_path)) == 1
    for _ in range(2):
        assert predict.delete(location).json["status"] == "cancelled"
    assert requests(tmp_path) == []
    assert predict.delete("/predict/20200101T000000Z-00000000").status_code == 404


BUCKET = "jobs-of-predict"


def test_a_job_in_a_bucket_is_run_by_the_event_of_its_request(
    predict: Client, train: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with buckets.s3() as address:
        for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SER_JOBS_URI", f"s3://{BUCKET}/state/")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        asked = place | {"audio": b64encode(SOUND).decode()}
        response = predict.post("/predict", json=asked, headers=ASYNC)
        (created,) = client.list_objects_v2(Bucket=BUCKET, Prefix="state/requests/")["Contents"]
        assert created["Key"].endswith(f"{response.json['job_id']}.predict.json")
        record = {"key": created["Key"], "eTag": created["ETag"].strip('"')}
        created_object = {"bucket": {"name": BUCKET}, "object": record}
        event = {"Records": [{"eventName": "ObjectCreated:Put", "s3": created_object}]}
        for _ in range(2):
            delivered = train.post("/events", json=event)
            assert delivered.status_code == 200
            assert [job["status"] for job in delivered.json["jobs"]] == ["succeeded"]
        job = predict.get(response.headers["Location"]).json
        assert job["result"] == predict.post("/predict", json=asked).json
        assert "Contents" not in client.list_objects_v2(Bucket=BUCKET, Prefix="state/requests/")


def test_a_job_whose_process_was_lost_is_ended_when_its_attempts_are_used(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.service.jobs.handover.start_worker", lambda _name: None)
    monkeypatch.setenv("SER_MAX_ATTEMPTS", "1")
    settings = Settings.from_environment()
    request = PredictRequest(
        model_save_path=place["model_save_path"], audio=Uploads([Upload(SOUND)])
    )
    job_id = create(request, settings, ANYONE).job_id
    long_ago = replace(
        open_jobs(settings, Predictions(Predictor())), clock=lambda: utc_now() - timedelta(hours=1)
    )
    _, lease = long_ago.take(job_id)
    assert lease is not None
    long_ago.begin(job_id, lease)
    job = predict.get(f"/predict/{job_id}").json
    assert (job["status"], job["attempts"]) == ("failed", 1)


def test_a_request_comes_back_from_the_store_with_its_sounds() -> None:
    sources: list[Any] = [SOUND, b64encode(SOUND).decode(), SoundAddress(url="https://a.example/b")]
    sounds = Uploads([Upload(source, "a.wav") for source in sources], listed=False)
    request = PredictRequest(model_save_path="m", audio=sounds, speaker="03", on_error="report")
    mean = np.array([0.25, -1e12], "<f4").tobytes()
    domain = DomainProfile(front_end="0f" * 32, count=7, mean=mean)
    request = msgspec.structs.replace(
        request, domain_enrolment=Uploads([Upload(SOUND)]), domain_profile=domain, abstain_below=0.5
    )
    again = decode_request(encode_request(request))
    assert (again.model_id, again.speaker, again.on_error) == (None, "03", "report")
    assert (again.domain_profile, again.abstain_below) == (domain, 0.5)
    assert again.domain_enrolment is not None
    assert [each.source for each in again.domain_enrolment.sounds] == [b64encode(SOUND).decode()]
    assert again.audio is not None
    assert [each.name for each in again.audio.sounds] == ["a.wav"] * 3
    assert [loc for loc, _ in again.audio.located("audio")] == [("audio",)] * 3
    assert again.audio.sounds[2].source == sources[2]


def test_a_job_shows_no_secrets_of_its_addresses(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.service.jobs.handover.start_worker", lambda _name: None)
    url = "https://example.com/a.wav?signature=1a2b3c"
    response = predict.post("/predict", json=place | {"audio": {"url": url}}, headers=ASYNC)
    assert response.json["request"]["audio"] == ["https://example.com/a.wav?..."]
    assert "1a2b3c" not in json.dumps(predict.get(response.headers["Location"]).json)
