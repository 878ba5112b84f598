"""Secrets are planted everywhere, and looked for in everything that others may read."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3

from ser.service.keys import line_of, new_key
from stack import HOST, free_port, function_command, process

SECONDS = 300
SIGNATURE, SESSION, PASSWORD = "5163ec0de5163", "7e55105ec2e7", "pa55w02dpa55"
MODEL_KEY, STORE_KEY = 4 * "0be2a7025e0de1ce", "5t02e5ec2etkey"
SIGNED = f"X-Amz-Credential=AKIA{SESSION}&X-Amz-Signature={SIGNATURE}"
AZURE = f"sv=2024-11-04&sig={SIGNATURE}%3D"


class Handler(BaseHTTPRequestHandler):
    """Serves the archive where the address is signed, and repeats other addresses in errors."""

    archive = b""

    def do_GET(self) -> None:
        if self.path.startswith("/corpus.zip?"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.archive)
        elif self.path.startswith("/hop"):
            self.send_response(302)
            self.send_header("Location", f"ftp://me:{PASSWORD}@{HOST}/x?{SIGNED}")
            self.end_headers()
        else:
            self.send_error(403, f"no access to http://{HOST}{self.path}")

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def site(archive: bytes) -> Iterator[str]:
    handler = type("Site", (Handler,), {"archive": archive})
    with ThreadingHTTPServer((HOST, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()


class Caller:
    """A client of one function that keeps every answer."""

    def __init__(self, address: str, key: str) -> None:
        self.url, self.key = f"http://{address}", key
        self.answers: list[str] = []

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = urllib3.request(
            method,
            self.url + path,
            body=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Bearer {self.key}",
                **headers,
            },
            retries=False,
            timeout=SECONDS,
        )
        self.answers.append(f"{answer.headers} {answer.data.decode()}")
        return json.loads(answer.data)

    def wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                urllib3.request("GET", f"{self.url}/healthz", retries=False)
                return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)

    def end_of(self, job_id: str) -> Any:
        deadline = time.monotonic() + SECONDS
        while (job := self.ask("GET", f"/train/{job_id}"))["status"] in ("queued", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.3)
        return job


def test_no_planted_secret_is_in_answers_logs_jobs_manifests_or_reports(
    tmp_path: Path, corpus_zip: Path, train_body: dict[str, Any]
) -> None:
    key, address = new_key(), f"{HOST}:{free_port()}"
    settings = {
        "SER_ALLOWED_PATHS": str(tmp_path),
        "SER_ALLOWED_HOSTS": HOST,
        "SER_JOBS_URI": str(tmp_path / "state"),
        "SER_INBOX": str(tmp_path / "inbox"),
        "SER_API_KEYS": line_of(key, "alice", "train,events"),
        "SER_MAX_ATTEMPTS": "1",
        "SER_MODEL_KEY": MODEL_KEY,
        "AWS_SECRET_ACCESS_KEY": STORE_KEY,
        "GUNICORN_LOG_LEVEL": "debug",
    }
    log = tmp_path / "log"
    command = function_command("train", address)
    with (
        site(corpus_zip.read_bytes()) as url,
        log.open("wb") as written,
        redirected(written.fileno()),
        process(command, os.environ | settings),
    ):
        train = Caller(address, key)
        train.wait_until_it_answers()
        body = train_body | {
            "data_path": str(tmp_path / "data"),
            "model_save_path": str(tmp_path / "model"),
        }
        authority = url.removeprefix("http://")
        places = [
            f"{url}/missing.zip?{SIGNED}",
            f"{url}/hop?{AZURE}",
            f"http://me:{PASSWORD}@{authority}/missing.zip",
            f"http://me:{PASSWORD}@[bad/missing.zip?{SIGNED}",
            f"ftp://me:{PASSWORD}@host/x.zip?{SIGNED}",
        ]
        for place in places:
            if "hop" not in place:
                train.ask("POST", "/train", body | {"remote_url": place})
            train.ask("POST", f"/train?{SIGNED}", {place: place, "remote_url": {place: [place]}})
        for place in (places[1], f"{url}/corpus.zip?{SIGNED}"):
            request = body | {"remote_url": place, "dataset_force": True}
            job = train.ask("POST", "/train", request, Prefer="respond-async")
            ended = train.end_of(job["job_id"])
        assert ended["status"] == "succeeded", ended
        train.ask("GET", "/train")
        train.ask("GET", "/train", None, Authorization=f"Bearer {key}x")
        about = {"bucket": {"name": places[0]}, "object": {"key": places[0], "eTag": "1"}}
        for source in ("aws:s3", "ser:inbox"):
            record = {"eventName": "ObjectCreated:Put", "eventSource": source, "s3": about}
            train.ask("POST", "/events", {"Records": [record, {places[0]: places[1]}]})
    found = {"answers": "\n".join(train.answers), "log": log.read_text(errors="replace")}
    for folder in ("model", "data", "state"):
        for file in (tmp_path / folder).rglob("*"):
            if file.is_file():
                found[str(file.relative_to(tmp_path))] = file.read_bytes().decode("latin-1")
    assert any(name.endswith("manifest.json") for name in found)
    assert any(name.endswith("report.html") for name in found)
    leaks = [
        (name, secret)
        for name, text in found.items()
        for secret in (SIGNATURE, SESSION, PASSWORD, MODEL_KEY, STORE_KEY, key)
        if secret in text
    ]
    assert leaks == []


@contextmanager
def redirected(target: int) -> Iterator[None]:
    """Send standard error, which child processes inherit, to the descriptor ``target``."""
    kept = os.dup(2)
    os.dup2(target, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@pytest.fixture(autouse=True)
def without_other_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
