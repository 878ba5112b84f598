"""Several workers of predict: processes that share the registry and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import urllib3

import graphs
import made
from ser.registry import new_model_id, open_registry
from ser.service.metrics import WRITE_SECONDS
from ser.service.models import ALIAS_SECONDS
from stack import HOST, free_port, function_command, process

SOUND = made.sound(made.signal("03a01Wa.wav"))
SECONDS = 120


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Workers:
    """A predict with its own process group."""

    def __init__(self, url: str, main: int) -> None:
        self.url, self.main = url, main

    def ids(self) -> list[int]:
        """Return the process ids of the workers."""
        children = Path(f"/proc/{self.main}/task/{self.main}/children")
        return [int(each) for each in children.read_text().split()]

    @contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """Stop all workers but one until the context ends."""
        others = set(self.ids()) - {worker}
        for each in others:
            os.kill(each, signal.SIGSTOP)
        try:
            yield
        finally:
            for each in others:
                os.kill(each, signal.SIGCONT)

    def ask(self, path: str, method: str = "POST", **options: Any) -> urllib3.BaseHTTPResponse:
        # A connection of its own, which any worker may accept.
        with urllib3.PoolManager(timeout=SECONDS, retries=False) as http:
            return http.request(method, self.url + path, **options)

    def predict(self, query: str = "", **headers: str) -> Any:
        headers |= {"Content-Type": "audio/wav"}
        answer = self.ask(f"/predict{query}", body=SOUND, headers=headers)
        assert answer.status in (200, 202), answer.data
        return json.loads(answer.data)


@contextmanager
def serving(folder: Path, name: str = "predict", **settings: str) -> Iterator[Workers]:
    """Yield a function whose models are in ``folder``."""
    address = f"{HOST}:{free_port()}"
    environment = os.environ | {"SER_ALLOWED_PATHS": str(folder)} | settings
    with process(function_command(name, address), environment) as server:
        yield Workers(f"http://{address}", server.pid)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    registry = open_registry(tmp_path / "model")
    registry.move("latest", graphs.publish(tmp_path / "model", graphs.model()))
    return tmp_path


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_the_metrics_of_any_worker_are_those_of_all(folder: Path) -> None:
    with serving(folder, WORKERS="2", SER_MODEL_SAVE_PATH=str(folder / "model")) as workers:
        wait_for(lambda: len(workers.ids()) == 2)
        for worker in workers.ids():
            with workers.only(worker):
                workers.predict()

        def predictions() -> str:
            text = workers.ask("/metrics", "GET").data.decode()
            return "".join(line for line in text.splitlines() if 'method="POST"' in line)

        # A worker that is stopped writes nothing.
        time.sleep(2 * WRITE_SECONDS)
        for worker in workers.ids():
            with workers.only(worker):
                wait_for(lambda: predictions().endswith('status="200"} 2.0'))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_every_worker_answers_with_the_models_and_the_jobs_of_the_registry(folder: Path) -> None:
    places = {"SER_MODEL_SAVE_PATH": folder / "model", "SER_JOBS_URI": folder / "jobs"}
    settings = {name: str(place) for name, place in places.items()}
    with serving(folder, WORKERS="2", **settings) as workers:
        wait_for(lambda: len(workers.ids()) == 2)
        first, second = workers.ids()
        answers = []
        for worker in (first, second):
            with workers.only(worker):
                answers.append(workers.predict())
        assert answers[0] == answers[1]
        # A job that one of them has created is known to the other one.
        with workers.only(first):
            job = workers.predict(Prefer="respond-async")
        with workers.only(second):
            path = f"/predict/{job['job_id']}"
            wait_for(lambda: workers.ask(path, "GET").json()["status"] == "succeeded")
            assert workers.ask(path, "GET").json()["result"] == answers[0]
        # An alias that has moved leads both to the new model.
        new = graphs.publish(folder / "model", graphs.model(), {"03a01Wa.wav": SOUND})
        open_registry(folder / "model").move("latest", new)
        time.sleep(ALIAS_SECONDS)
        for worker in (first, second):
            with workers.only(worker):
                assert workers.predict()["model_id"] == new
        # A worker that dies is replaced, and there are never more than planned.
        os.kill(first, signal.SIGKILL)
        os.kill(workers.main, signal.SIGTTIN)
        wait_for(lambda: first not in workers.ids() and len(workers.ids()) == 2)
        assert workers.predict()["model_id"] == new
        assert len(workers.ids()) == 2


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_a_worker_reads_the_model_before_the_first_request(folder: Path) -> None:
    model_id = open_registry(folder / "model").resolve("latest")
    with serving(folder, WORKERS="2", SER_MODEL_SAVE_PATH=str(folder / "model")) as workers:
        # The second one is started when the first one is prepared.
        wait_for(lambda: len(workers.ids()) == 2)
        first, second = workers.ids()
        os.kill(second, signal.SIGSTOP)
        (folder / "model" / model_id / "model.onnx").unlink()
        assert workers.predict(f"?model_id={model_id}")["model_id"] == model_id
        os.kill(second, signal.SIGCONT)
        assert first in workers.ids()


def test_a_registry_that_cannot_be_read_is_reported_by_the_first_request(tmp_path: Path) -> None:
    with serving(tmp_path, SER_MODEL_SAVE_PATH=str(tmp_path / "none")) as workers:
        wait_for(lambda: answers(workers))
        answer = workers.ask("/predict", body=SOUND, headers={"Content-Type": "audio/wav"})
        assert answer.status == 404
        assert "latest" in answer.json()["detail"]


def answers(workers: Workers) -> bool:
    try:
        return workers.ask("/healthz", "GET").status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_the_file_of_a_model_whose_client_leaves_makes_room_for_another(folder: Path) -> None:
    model_id = new_model_id()
    # More than the system takes before a client reads.
    open_registry(folder / "model").publish(model_id, {"model.onnx": bytes(30_000_000)}, {})
    path = f"/models/{model_id}/model.onnx"
    settings = {"WORKERS": "1", "SER_MAX_MODEL_DOWNLOADS": "1"}
    with serving(folder, SER_MODEL_SAVE_PATH=str(folder / "model"), **settings) as workers:
        wait_for(lambda: answers(workers))
        slow = HTTPConnection(workers.url.removeprefix("http://"), timeout=SECONDS)
        slow.request("GET", path)
        assert slow.getresponse().read(1) == bytes(1)
        refused = workers.ask(path, "GET")
        assert (refused.status, "SER_MAX_MODEL_DOWNLOADS" in refused.data.decode()) == (503, True)
        workers.predict()
        slow.close()
        wait_for(lambda: workers.ask(path, "GET").data == bytes(30_000_000))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_a_training_ends_with_the_connection_of_its_client(
    tmp_path: Path, corpus_zip: Path
) -> None:
    request = {
        "data_path": str(tmp_path / "data"),
        "remote_url": str(corpus_zip),
        "model_save_path": str(tmp_path / "model"),
        "model_type": "RandomForestClassifier",
        "model_config": {"n_estimators": 10},
    }
    allowed = f"{tmp_path}:{corpus_zip.parent}"
    with serving(tmp_path, "train", SER_ALLOWED_PATHS=allowed) as workers:
        wait_for(lambda: answers(workers))
        client = HTTPConnection(workers.url.removeprefix("http://"))
        body = json.dumps(request)
        client.request("POST", "/train", body, {"Content-Type": "application/json"})
        wait_for(lambda: bool(trainings(workers)))
        client.close()
        wait_for(lambda: not trainings(workers))
    assert not list(open_registry(tmp_path / "model").ids())


def trainings(workers: Workers) -> list[int]:
    """Return the process ids of the trainings of a train."""
    (worker,) = workers.ids()
    threads = Path(f"/proc/{worker}/task").glob("*/children")
    return [int(each) for children in threads for each in children.read_text().split()]


def test_a_setting_of_the_server_that_is_not_allowed_is_named() -> None:
    run = subprocess.run(
        function_command("predict", f"{HOST}:{free_port()}"),
        env=os.environ | {"WORKERS": "many"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert run.returncode == 1
    assert run.stderr == "WORKERS is 'many'; allowed: a whole number of 1 or more\n"
