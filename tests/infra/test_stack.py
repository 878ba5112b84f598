"""Both functions behind the real Caddy, as ``make serve`` runs them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import urllib3
from msgspec.structs import replace

import browsers
import made
from ser.registry import new_model_id, open_registry
from ser.service.jobs.jobs import Jobs
from ser.service.jobs.trainings import Trainings
from ser.service.keys import line_of, new_key
from ser.service.settings import Settings
from ser.service.training.request import read_train_request
from ser.store import open_store
from stack import resume_jobs, running
from stacks import ROOT, SECONDS, Client, serving


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.corpus(tmp_path_factory.mktemp("stack") / "corpus.zip").parent


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with serving(SER_ALLOWED_PATHS=str(folder)) as client:
        yield client


@pytest.fixture
def body(folder: Path) -> dict[str, Any]:
    return {
        "data_path": str(folder / "data"),
        "remote_url": str(folder / "corpus.zip"),
        "model_save_path": str(folder / "model"),
        "model_type": "RandomForestClassifier",
        "model_config": {"n_estimators": 5},
        "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 3}},
    }


def test_train_and_predict_over_http(client: Client, body: dict[str, Any]) -> None:
    trained = client.post("/train", body)
    assert trained.status == 200
    asked = {
        "model_save_path": body["model_save_path"],
        "model_id": trained.body["model_id"],
        "sample_name": trained.body["test_samples"],
    }
    predicted = client.post("/predict", asked)
    assert predicted.status == 200
    assert predicted.body["sample_name"] == trained.body["test_samples"]
    place = urlencode({name: asked[name] for name in ("model_save_path", "model_id")})
    for media_type, data in browsers.voice_messages().items():
        answer = client.send(
            "POST", f"/predict?{place}", body=data, headers={"Content-Type": media_type}
        )
        assert answer.status == 200, answer.body
        assert sum(answer.body["probabilities"][0].values()) == pytest.approx(1, abs=1e-5)


def test_predict_and_bad_requests_are_answered_while_a_training_runs(
    client: Client, body: dict[str, Any], folder: Path
) -> None:
    trained = client.post("/train", body).body
    asked = {
        "model_save_path": body["model_save_path"],
        "model_id": trained["model_id"],
        "audio": b64encode(made.sound(made.signal("03a01Wa.wav"))).decode(),
    }
    long = body | {
        "data_path": str(folder / "long"),
        "model_type": "KerasClassifier",
        "model_config": {"epochs": 300},
    }
    answers: list[Any] = []
    training = threading.Thread(target=lambda: answers.append(client.post("/train", long)))
    training.start()
    assert client.post("/predict", asked).status == 200
    assert client.post("/train", body | {"colour": "red"}).status == 422
    assert client.post("/train", body).status == 200
    # The long training is still running after all of these answers.
    assert training.is_alive()
    training.join(timeout=SECONDS)
    assert answers[0].status == 200


def test_trainings_above_the_limit_are_answered_with_503(
    body: dict[str, Any], folder: Path
) -> None:
    with serving(SER_ALLOWED_PATHS=str(folder), SER_MAX_TRAININGS="1") as client:
        statuses: list[int] = []
        bodies = [body | {"data_path": str(folder / f"busy-{n}")} for n in range(3)]
        trainings = [
            threading.Thread(target=lambda b=b: statuses.append(client.post("/train", b).status))
            for b in bodies
        ]
        for training in trainings:
            training.start()
        for training in trainings:
            training.join(timeout=SECONDS)
        assert sorted(statuses) == [200, 503, 503]
        assert client.post("/train", body).status == 200


def test_reports_are_served_through_the_gateway(client: Client, folder: Path) -> None:
    registry, model_id = open_registry(folder / "reported"), new_model_id()
    registry.publish(model_id, {"report.html": b"<!doctype html>"}, {})
    url = f"{client.stack.url}/models/{model_id}/report?model_save_path={folder / 'reported'}"
    page = urllib3.request("GET", url, timeout=SECONDS)
    assert (page.status, page.data) == (200, b"<!doctype html>")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    for path in (f"/models/{model_id}/more", "/models/..%2F/report", "/models/%2F%2F/report"):
        answer = client.get(path)
        assert (answer.status, answer.media_type) == (404, "application/problem+json")


def test_a_gateway_without_a_function_answers_with_502(folder: Path) -> None:
    with serving(SER_ALLOWED_PATHS=str(folder)) as client:
        train, *_ = client.stack.processes
        train.terminate()
        train.wait(timeout=SECONDS)
        for answer in (client.get("/"), client.post("/train", {})):
            assert (answer.status, answer.media_type) == (502, "application/problem+json")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_terminated_stack_leaves_no_process_behind(number: signal.Signals, bounds: Path) -> None:
    places = {"SER_INBOX": "inbox", "SER_JOBS_URI": "jobs", "SER_MODEL_SAVE_PATH": "model"}
    with subprocess.Popen(
        [sys.executable, ROOT / "infra" / "local" / "stack.py"],
        env=os.environ | {"PORT": "0"} | {k: str(bounds / place) for k, place in places.items()},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert b"answer" in process.stdout.readline()
        task = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = [Path(f"/proc/{pid}") for pid in task.read_text().split()]
        # Both functions, the listener, the gateway, and the watcher of the inbox.
        count = len(children)
        process.send_signal(number)
        assert process.wait(timeout=SECONDS) == 0
    assert count == 5
    assert not any(child.exists() for child in children)


def test_a_job_through_the_gateway_has_the_result_of_a_synchronous_request(
    body: dict[str, Any], folder: Path
) -> None:
    with serving(SER_ALLOWED_PATHS=str(folder), SER_JOBS_URI=str(folder / "jobs")) as client:
        headers = {"Prefer": "respond-async", "Content-Type": "application/json"}
        response = urllib3.request(
            "POST",
            f"{client.stack.url}/train",
            json=body,
            headers=headers,
            retries=False,
            timeout=SECONDS,
        )
        assert response.status == 202
        deadline = time.monotonic() + SECONDS
        while not (job := client.get(response.headers["Location"]).body)["ended_at"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert job["status"] == "succeeded", job["problem"]
        answer = client.post("/train", body).body
    assert job["result"].keys() == answer.keys()
    differing = {name for name in answer if job["result"][name] != answer[name]}
    assert differing == {"model_id", "seconds"}


def test_a_stack_resumes_the_jobs_of_the_last_one(body: dict[str, Any], bounds: Path) -> None:
    jobs = Jobs(open_store(bounds / "state"), Trainings(), lease_seconds=30, max_attempts=5)
    request = read_train_request(body, Settings(allowed_paths=(Path("/"),)))
    job_id = jobs.add(replace(request, data_path=str(bounds.parent / "forbidden"))).job_id
    resume_jobs({"SER_JOBS_URI": str(bounds / "state")})
    deadline = time.monotonic() + SECONDS
    while not (job := jobs.read(job_id)).is_ended and time.monotonic() < deadline:
        time.sleep(0.1)
    assert job.status == "failed"
    assert job.problem is not None
    assert "SER_ALLOWED_PATHS" in job.problem["detail"]


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"port {port} is taken"), running(port):
            pass


def test_the_inbox_of_a_stack_with_keys_has_a_key_of_its_own(tmp_path: Path) -> None:
    key = new_key()
    headers = {"Authorization": f"Bearer {key}"}
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "bad.train.json").write_bytes(b"{}")
    settings = {
        "SER_ALLOWED_PATHS": str(tmp_path),
        "SER_API_KEYS": line_of(key, "boss", "train,manage"),
        "SER_INBOX": str(tmp_path / "inbox"),
        "SER_JOBS_URI": str(tmp_path / "jobs"),
    }
    with serving(**settings) as client:
        assert client.get("/train").status == 401
        deadline = time.monotonic() + SECONDS
        while not (jobs := client.send("GET", "/train", headers=headers).body["jobs"]):
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert [(job["status"], Path(job["trigger"]["key"]).name) for job in jobs] == [
        ("failed", "bad.train.json")
    ]
    assert key not in "".join(file.read_text() for file in (tmp_path / "jobs").rglob("*.json"))
