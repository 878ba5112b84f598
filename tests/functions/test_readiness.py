"""GET /readyz: the store and the model that requests need."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

import buckets
import graphs
from clients import Client
from ser.errors import RemoteFailed
from ser.registry import new_model_id, open_registry
from ser.service.keys import line_of, new_key
from ser.service.readiness import FRESH_SECONDS, Readiness
from stack import HOST, free_port, function_command, process

BUCKET = "models-of-readiness"


@contextmanager
def moto(port: int) -> Iterator[None]:
    """Serve S3 on ``port``; its content outlives the server."""
    server = make_server(HOST, port, DomainDispatcherApplication(create_backend_app), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def get(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, retries=False, timeout=30)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def answers(url: str) -> bool:
    try:
        return get(f"{url}/healthz").status == 200
    except urllib3.exceptions.HTTPError:
        return False


@pytest.mark.parametrize("name", ["predict", "train"])
def test_a_dead_store_is_named_with_503_while_the_health_is_200_and_one_line_says_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, own = free_port(), free_port()
    aws = {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://{HOST}:{port}"}
    for variable, value in aws.items():
        monkeypatch.setenv(variable, value)
    url, log = f"http://{HOST}:{own}", tmp_path / "log"
    settings = {"SER_MODEL_SAVE_PATH": f"s3://{BUCKET}/models", "WORKERS": "1"}
    with ExitStack() as stack:
        with moto(port):
            boto3.client("s3").create_bucket(Bucket=BUCKET)
            registry = open_registry(f"s3://{BUCKET}/models")
            model_id = new_model_id()
            registry.publish(model_id, {"model.onnx": graphs.model()}, {"samples": {}})
            registry.move("latest", model_id)
            stderr = stack.enter_context(log.open("wb"))
            stack.enter_context(redirected(stderr.fileno()))
            command = function_command(name, f"{HOST}:{own}")
            stack.enter_context(process(command, {**os.environ, **settings}))
            wait_for(lambda: answers(url))
            ready = get(f"{url}/readyz")
            assert (ready.status, ready.json()) == (200, {"status": "ok"})
        wait_for(lambda: get(f"{url}/readyz").status == 503)
        for path in ("/readyz", f"/{name}/readyz"):
            dead = get(url + path)
            assert dead.status == 503
            assert dead.headers["Content-Type"] == "application/problem+json"
            assert dead.json()["type"] == "urn:ser:problem:not-ready"
            assert "store: " in dead.json()["detail"]
            assert "model: " not in dead.json()["detail"]
            assert get(f"{url}/healthz").status == 200
        with moto(port):
            wait_for(lambda: get(f"{url}/readyz").status == 200)
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    changes = [line for line in lines if line["event"] == "readiness"]
    assert [(line["part"], line["ready"]) for line in changes] == [
        ("store", False),
        ("store", True),
    ]
    assert changes[0]["detail"]


@contextmanager
def redirected(target: int) -> Iterator[None]:
    """Let processes that are started write their errors to the file ``target``."""
    kept = os.dup(2)
    os.dup2(target, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def test_a_function_without_settings_is_ready(predict: Client, train: Client) -> None:
    for client in (predict, train):
        assert client.get("/readyz").json == {"status": "ok"}


def test_a_registry_without_a_model_is_ready_and_a_damaged_model_is_not(
    predict: Client, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(bounds / "model"))
    assert predict.get("/readyz").status_code == 200
    registry, model_id = open_registry(bounds / "model"), new_model_id()
    registry.publish(model_id, {"model.onnx": b"no graph"}, {})
    registry.move("production", model_id)
    time.sleep(FRESH_SECONDS)
    refused = predict.get("/readyz")
    assert refused.status_code == 503
    assert "model: " in refused.json["detail"]
    assert refused.headers["Retry-After"]
    assert predict.get("/healthz").status_code == 200


def test_a_bucket_that_does_not_exist_is_named(
    train: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with buckets.s3() as address:
        for variable, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("SER_JOBS_URI", f"s3://missing-{os.urandom(4).hex()}/jobs")
        refused = train.get("/train/readyz")
    assert refused.status_code == 503
    assert "jobs: cannot use s3://missing-" in refused.json["detail"]
    assert "NoSuchBucket" in refused.json["detail"]


def test_a_look_is_kept_for_a_second_whatever_is_asked() -> None:
    now, looks = 0.0, 0

    def check() -> dict[str, str | None]:
        nonlocal looks
        looks += 1
        return {"store": None}

    readiness = Readiness("store", clock=lambda: now)
    for _ in range(100):
        assert readiness.failures(check) == {}
    assert looks == 1
    now = FRESH_SECONDS
    readiness.failures(check)
    assert looks == 2


def test_a_store_that_does_not_answer_holds_one_thread_and_no_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ser.service.readiness.LOOK_SECONDS", 0.05)
    now, looks, released = 0.0, 0, threading.Event()

    def hang() -> dict[str, str | None]:
        nonlocal looks
        looks += 1
        released.wait(60)
        return {"store": None}

    readiness = Readiness("store", "model", clock=lambda: now)
    for second in range(4):
        now = float(second)
        assert readiness.failures(hang) == {"store": "no answer within 0.05 s"}
    assert looks == 1
    released.set()
    monkeypatch.setattr("ser.service.readiness.LOOK_SECONDS", 60)
    now = 10.0
    assert readiness.failures(hang) == {}


def test_a_defect_of_the_check_is_not_ready(caplog: pytest.LogCaptureFixture) -> None:
    def defect() -> dict[str, str | None]:
        raise ZeroDivisionError

    assert "the check failed" in Readiness("store").failures(defect)["store"]
    assert "ZeroDivisionError" in caplog.text

    def fails() -> dict[str, str | None]:
        raise RemoteFailed("s3://b gave no answer")

    assert Readiness("store").failures(fails) == {"store": "s3://b gave no answer"}


def test_each_change_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    now, state = 0.0, {"store": "gone"}
    found: list[dict[str, Any]] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(json.loads(record.getMessage()))  # type: ignore[method-assign]
    logging.getLogger("ser.events").addHandler(handler)
    readiness = Readiness("store", "model", clock=lambda: now)
    for reason in ("gone", "gone", "still gone", None, None, "gone"):
        state["store"] = reason  # type: ignore[assignment]
        readiness.failures(lambda: dict(state))
        now += FRESH_SECONDS
    logging.getLogger("ser.events").removeHandler(handler)
    assert [each["ready"] for each in found] == [False, True, False]


def test_probes_of_the_machine_itself_need_no_key_and_others_do(
    predict: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {scope: new_key() for scope in ("predict", "manage", "observe")}
    lines = [line_of(key, scope, scope) for scope, key in keys.items()]
    monkeypatch.setenv("SER_API_KEYS", "\n".join(lines))
    remote = {"REMOTE_ADDR": "203.0.113.7"}
    forwarded = {"X-Forwarded-For": "203.0.113.7"}
    assert predict.get("/readyz").status_code == 200
    assert predict.get("/readyz", environ_overrides=remote).status_code == 401
    assert predict.get("/readyz", headers=forwarded).status_code == 401
    assert predict.get("/healthz", environ_overrides=remote).status_code == 200
    assert predict.get("/metrics").status_code == 401
    for path in ("/readyz", "/metrics"):
        for scope, status in (("predict", 403), ("manage", 200), ("observe", 200)):
            headers = {"Authorization": f"Bearer {keys[scope]}"}
            answer = predict.get(path, headers=headers, environ_overrides=remote)
            assert answer.status_code == status, (path, scope)
    # Nothing but probes opens without a key.
    assert predict.get("/models", headers={}).status_code == 401
