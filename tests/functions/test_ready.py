"""POST /predict with the model that is part of the package."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import graphs
import made
from clients import Client
from ser.registry import open_registry, ready_model

SOUND = b64encode(made.sound(made.signal("03a01Wa.wav"))).decode()
JOB_SECONDS = 120


def answered(client: Client, **fields: Any) -> dict[str, Any]:
    response = client.post("/predict", json={"audio": SOUND, **fields})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json
    return answer


def refused(client: Client, body: dict[str, Any]) -> dict[str, str]:
    response = client.post("/predict", json=body)
    assert response.status_code == 422
    return {error["loc"][0]: error["msg"] for error in response.json["errors"]}


def test_predict_answers_with_nothing_set_and_nothing_trained(predict: Client) -> None:
    answer = answered(predict)
    assert answer["model_id"] == "ready"
    (note,) = answer["notes"]
    assert "'ready'" in note
    assert "EmoDB" in note
    assert [*answer["probabilities"][0]] == ready_model().manifest["classes"]
    raw = predict.post("/predict", data=made.sound(made.signal("03a01Wa.wav")), headers=WAV)
    assert {**raw.json, "sample_name": answer["sample_name"]} == answer


WAV = {"Content-Type": "audio/wav"}


@pytest.mark.parametrize("model_id", [None, "ready"])
def test_a_registry_is_asked_unless_ready_is_named(
    predict: Client, monkeypatch: pytest.MonkeyPatch, model_id: str | None
) -> None:
    published = graphs.publish(Path("model"), graphs.model())
    open_registry("model").move("latest", published)
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    answer = answered(predict, model_id=model_id)
    assert answer["model_id"] == (model_id or published)
    assert ("notes" in answer) == (model_id == "ready")


def test_another_model_needs_a_registry(predict: Client) -> None:
    for model_id in ("latest", "20200101T000000Z-00000000"):
        found = refused(predict, {"audio": SOUND, "model_id": model_id})
        assert "'ready'" in found["model_save_path"]
    assert list(refused(predict, {"audio": SOUND, "model_save_path": "/etc"})) == [
        "model_save_path"
    ]
    assert list(refused(predict, {"sample_name": "03a01Wa.wav"})) == ["sample_name"]


def test_an_empty_registry_is_not_replaced_by_the_model(
    predict: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    response = predict.post("/predict", json={"audio": SOUND})
    assert response.status_code == 404


def test_its_speakers_can_be_enrolled(predict: Client) -> None:
    answer = answered(predict, enrolment=[SOUND])
    again = answered(predict, speaker_profile=answer["speaker_profile"])
    assert again["probabilities"] == answer["probabilities"]


def test_its_report_is_answered_and_may_change_with_the_software(predict: Client) -> None:
    response = predict.get("/models/ready/report")
    assert response.status_code == 200
    assert response.data == ready_model().read("report.html")
    assert response.headers["Cache-Control"] == "no-cache"


def test_a_job_answers_with_it(predict: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SER_JOBS_URI", "jobs")
    asked = {"audio": SOUND}
    created = predict.post("/predict", json=asked, headers={"Prefer": "respond-async"})
    assert created.status_code == 202
    deadline = time.monotonic() + JOB_SECONDS
    while not (job := predict.get(created.headers["Location"]).json)["ended_at"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert job["status"] == "succeeded", job["problem"]
    assert job["request"]["model_id"] == "ready"
    assert job["result"]["notes"] == answered(predict)["notes"]
