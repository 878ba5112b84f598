"""Who may ask: keys, scopes, the machine itself, host names, and the jobs of others."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made
from clients import Client, client_of
from ser.errors import RemoteFailed
from ser.service.answers import PredictAnswer
from ser.service.inference import Predictor
from ser.service.jobs.jobs import open_jobs
from ser.service.jobs.predictions import Predictions
from ser.service.jobs.running import run_job
from ser.service.jobs.trainings import Trainings
from ser.service.keys import line_of, new_key
from ser.service.settings import Settings
from ser.store import Store

SOUND = made.sound(made.signal("03a01Wa.wav"))
BOSS = ("boss", "train,manage")
OPEN_PATHS = {"train": ("/healthz", "/train/healthz"), "predict": ("/healthz", "/predict/healthz")}
GUARDED_PATHS = {
    "train": (
        ("GET", "/"),
        ("GET", "/openapi.json"),
        ("GET", "/train/openapi.json"),
        ("POST", "/"),
        ("POST", "/train"),
        ("GET", "/train"),
        ("GET", "/train/20261122T193834Z-ef40734d"),
        ("DELETE", "/train/20261122T193834Z-ef40734d"),
        ("POST", "/events"),
        ("GET", "/metrics"),
        ("GET", "/train/metrics"),
    ),
    "predict": (
        ("GET", "/"),
        ("GET", "/openapi.json"),
        ("GET", "/predict/openapi.json"),
        ("POST", "/"),
        ("POST", "/predict"),
        ("GET", "/predict/20261122T193834Z-ef40734d"),
        ("DELETE", "/predict/20261122T193834Z-ef40734d"),
        ("GET", "/models/ready/report"),
        ("GET", "/models"),
        ("GET", "/models/ready"),
        ("GET", "/models/ready/model.onnx"),
        ("DELETE", "/models/ready"),
        ("GET", "/aliases"),
        ("POST", "/aliases/production"),
        ("GET", "/metrics"),
        ("GET", "/predict/metrics"),
    ),
}
GUARDED = [(name, *each) for name, paths in GUARDED_PATHS.items() for each in paths]
REMOTE = {"REMOTE_ADDR": "203.0.113.7"}


class Keys:
    """The file of ``SER_API_KEYS``."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.keys: dict[str, str] = {}

    def add(self, name: str, scopes: str, *quotas: str) -> str:
        """Add a key, and return it."""
        self.keys[name] = new_key()
        line = line_of(self.keys[name], name, scopes, quotas)
        with self.file.open("a") as lines:
            lines.write(f"{line}\n")
        return self.keys[name]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    made_keys = Keys(tmp_path / "keys")
    made_keys.file.write_text("# comments and empty lines are allowed\n\n")
    monkeypatch.setenv("SER_API_KEYS", str(made_keys.file))
    return made_keys


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(("name", "method", "path"), GUARDED)
def test_every_route_but_the_health_wants_a_key(
    keys: Keys, name: str, method: str, path: str
) -> None:
    client = client_of(name)
    refused = client.open(path, method=method, json={})
    assert (refused.status_code, refused.mimetype) == (401, "application/problem+json")
    assert refused.json["type"] == "urn:ser:problem:unauthenticated"
    assert refused.headers["WWW-Authenticate"].startswith('Bearer realm="ser"')
    unknown = client.open(path, method=method, json={}, headers=bearer(new_key()))
    assert unknown.status_code == 401
    assert 'error="invalid_token"' in unknown.headers["WWW-Authenticate"]
    key = keys.add("alice", "predict,train,events,manage")
    assert client.open(path, method=method, json={}, headers=bearer(key)).status_code != 401
    for health in OPEN_PATHS[name]:
        assert client.get(health).status_code == 200


def test_a_key_without_the_scope_is_refused_before_the_body_is_read(keys: Keys) -> None:
    predicting, training = keys.add("ann", "predict"), keys.add("bo", "train")
    predict, train = client_of("predict"), client_of("train")
    asked = {"data": SOUND, "content_type": "audio/wav"}
    assert predict.post("/predict", headers=bearer(predicting), **asked).status_code == 200
    refused = predict.post("/predict", headers=bearer(training), **asked)
    assert refused.status_code == 403
    assert refused.json["detail"] == "The key 'bo' lacks the scope 'predict'; it has: train."
    assert 'error="insufficient_scope", scope="predict"' in refused.headers["WWW-Authenticate"]
    # A body that no route reads would be a 415 and a broken one a 400, if they were read.
    for headers, status in ((bearer(predicting), 403), ({}, 401)):
        broken = train.post("/train", data=b"{", content_type="text/html", headers=headers)
        assert broken.status_code == status
    assert train.post("/events", json={}, headers=bearer(training)).status_code == 403


def test_keys_are_changed_without_a_restart_and_several_work_at_once(keys: Keys) -> None:
    predict = client_of("predict")
    old = keys.add("alice", "predict")
    assert predict.get("/models/ready/report", headers=bearer(old)).status_code == 200
    new = new_key()
    both = keys.file.read_text() + line_of(new, "alice", "predict")
    keys.file.write_text(both)
    for key in (old, new):
        assert predict.get("/models/ready/report", headers=bearer(key)).status_code == 200
    keys.file.write_text(line_of(new, "alice", "predict"))
    assert predict.get("/models/ready/report", headers=bearer(old)).status_code == 401
    assert predict.get("/models/ready/report", headers=bearer(new)).status_code == 200
    keys.file.write_text("")
    assert predict.get("/models/ready/report", headers=bearer(new)).status_code == 401


def test_keys_may_be_in_the_variable_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = new_key(), new_key()
    lines = (line_of(first, "a", "predict"), line_of(second, "b", "predict"))
    for separator in (";", "\n", " ; "):
        monkeypatch.setenv("SER_API_KEYS", separator.join(lines))
        for key in (first, second):
            answer = client_of("predict").get("/models/ready/report", headers=bearer(key))
            assert answer.status_code == 200


@pytest.mark.parametrize(
    "line",
    [
        "alice predict",
        "alice predict {key}",
        "alice predict sha256:{short}",
        "alice fly sha256:{digest}",
        "alice predict,predict sha256:{digest}",
        "../alice predict sha256:{digest}",
        "alice predict sha256:{digest} jobs=0",
        "alice predict sha256:{digest} jobs=1 colour=red",
        "\udcff",
    ],
    ids=str,
)
def test_a_line_that_is_no_key_closes_the_server_and_is_named_but_not_quoted(
    keys: Keys, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = keys.add("good", "predict")
    secret = new_key()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    text = line.format(key=secret, digest=digest, short=digest[:63])
    keys.file.write_bytes(text.encode(errors="surrogateescape"))
    predict = client_of("predict")
    assert predict.get("/models/ready/report", headers=bearer(good)).status_code == 500
    assert "SettingsError" in caplog.text
    assert str(keys.file) in caplog.text
    assert secret not in caplog.text
    assert predict.get("/healthz").status_code == 200


def test_a_missing_file_of_keys_closes_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SER_API_KEYS", "nowhere/keys")
    monkeypatch.setenv("SER_OPEN", "1")
    predict = client_of("predict")
    for headers, status in (({}, 401), (bearer(new_key()), 500)):
        answer = predict.get("/models/ready/report", headers=headers)
        assert answer.status_code == status


# Without keys: this machine alone


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 200),
        ("203.0.113.7", {}, 403),
        ("172.17.0.1", {}, 403),
        ("203.0.113.7", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "unknown"}, 403),
        ("127.0.0.1", {"Forwarded": "for=203.0.113.7"}, 403),
    ],
)
def test_without_keys_only_this_machine_is_answered(
    predict: Client,
    monkeypatch: pytest.MonkeyPatch,
    peer: str,
    headers: dict[str, str],
    status: int,
) -> None:
    origin = {"REMOTE_ADDR": peer}
    answer = predict.get("/models/ready/report", headers=headers, environ_base=origin)
    assert answer.status_code == status
    if status == 403:
        for setting in ("SER_API_KEYS", "SER_OPEN=1"):
            assert setting in answer.json["detail"]
    assert predict.get("/healthz", headers=headers, environ_base=origin).status_code == 200
    monkeypatch.setenv("SER_OPEN", "1")
    opened = predict.get("/models/ready/report", headers=headers, environ_base=origin)
    assert opened.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST.:5000", 200),
        ("127.0.0.1:8080", 200),
        ("[::1]:5000", 200),
        ("evil.example", 421),
        ("localhost.evil.example:5000", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("app.example:5000", 200),
    ],
)
def test_a_page_whose_name_leads_to_this_machine_is_refused(
    predict: Client, monkeypatch: pytest.MonkeyPatch, host: str, status: int
) -> None:
    monkeypatch.setenv("SER_ALLOWED_HOSTNAMES", "app.example, other.example")
    for path in ("/", "/models/ready/report", "/healthz", "/nowhere"):
        answer = predict.get(path, headers={"Host": host})
        assert (answer.status_code == 421) is (status == 421)
        if status == 421:
            assert "SER_ALLOWED_HOSTNAMES" in answer.json["detail"]


@pytest.mark.parametrize(
    ("names", "host", "status"),
    [
        ("", "functions.example", 200),
        ("api.example", "functions.example", 421),
        ("api.example", "api.example", 200),
        ("api.example", "10.1.2.3:8080", 200),
        ("api.example", "[fd00::1]", 200),
    ],
)
def test_a_server_for_other_machines_answers_all_names_or_those_that_are_set(
    predict: Client, monkeypatch: pytest.MonkeyPatch, names: str, host: str, status: int
) -> None:
    monkeypatch.setenv("SER_OPEN", "1")
    monkeypatch.setenv("SER_ALLOWED_HOSTNAMES", names)
    answer = predict.get("/healthz", headers={"Host": host}, environ_base=REMOTE)
    assert answer.status_code == status


# Jobs belong to the key that made them


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch, bounds: Path) -> None:
    """Jobs stay queued: no process runs them."""
    monkeypatch.setenv("SER_JOBS_URI", "state")
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(bounds / "model"))
    monkeypatch.setattr("ser.service.jobs.handover.start_worker", lambda _name: None)


def add_job(client: Client, path: str, key: str, body: dict[str, Any]) -> Any:
    return client.post(path, json=body, headers={**bearer(key), "Prefer": "respond-async"})


@pytest.mark.usefixtures("waiting")
def test_a_job_exists_only_for_its_key_and_for_managers(
    keys: Keys, train: Client, train_body: dict[str, Any]
) -> None:
    ann, bo = keys.add("ann", "train"), keys.add("bo", "train")
    boss = keys.add("boss", "train,manage")
    job = add_job(train, "/train", ann, train_body).json
    address = f"/train/{job['job_id']}"
    for key, ids in ((ann, [job["job_id"]]), (boss, [job["job_id"]]), (bo, [])):
        listed = train.get("/train", headers=bearer(key)).json["jobs"]
        assert [each["job_id"] for each in listed] == ids
    unknown = train.get("/train/20200101T000000Z-00000000", headers=bearer(bo))
    for answer in (
        train.get(address, headers=bearer(bo)),
        train.open(address, method="DELETE", headers=bearer(bo)),
    ):
        assert answer.status_code == 404
        assert answer.json["detail"] == unknown.json["detail"].replace(
            "20200101T000000Z-00000000", job["job_id"]
        )
    assert train.get(address, headers=bearer(ann)).json["status"] == "queued"
    # Another key of the same holder, as after a change of keys.
    again = keys.add("ann", "train")
    assert train.get(address, headers=bearer(again)).status_code == 200
    assert train.open(address, method="DELETE", headers=bearer(boss)).json["status"] == "cancelled"
    (document,) = Path("state/jobs").iterdir()
    assert json.loads(document.read_bytes())["owner"] == "ann"
    assert not [key for key in keys.keys.values() if key in document.read_text()]


@pytest.mark.usefixtures("waiting")
def test_a_prediction_job_exists_only_for_its_key(keys: Keys, predict: Client) -> None:
    ann, bo = keys.add("ann", "predict"), keys.add("bo", "predict")
    body = {"model_id": "ready", "audio": base64.b64encode(SOUND).decode()}
    job = add_job(predict, "/predict", ann, body).json
    address = f"/predict/{job['job_id']}"
    assert predict.get(address, headers=bearer(ann)).status_code == 200
    for method in ("GET", "DELETE"):
        assert predict.open(address, method=method, headers=bearer(bo)).status_code == 404


@pytest.mark.usefixtures("waiting")
def test_jobs_of_a_server_without_keys_are_seen_by_managers_alone_once_it_has_keys(
    keys: Keys, train: Client, train_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, boss = keys.add("ann", "train"), keys.add("boss", "train,manage")
    monkeypatch.delenv("SER_API_KEYS")
    headers = {"Prefer": "respond-async"}
    job = train.post("/train", json=train_body, headers=headers).json
    assert [each["job_id"] for each in train.get("/train").json["jobs"]] == [job["job_id"]]
    monkeypatch.setenv("SER_API_KEYS", str(keys.file))
    assert train.get("/train", headers=bearer(ann)).json["jobs"] == []
    assert len(train.get("/train", headers=bearer(boss)).json["jobs"]) == 1


@pytest.mark.usefixtures("waiting")
def test_a_key_has_at_most_its_quota_of_unfinished_jobs(
    keys: Keys, train: Client, train_body: dict[str, Any]
) -> None:
    ann, bo = keys.add("ann", "train", "jobs=2"), keys.add("bo", "train", "jobs=1")
    first, second = (add_job(train, "/train", ann, train_body) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    for _ in range(2):
        refused = add_job(train, "/train", ann, train_body)
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
        assert refused.json["type"] == "urn:ser:problem:quota-reached"
    # A training in the request itself counts, too, and others have quotas of their own.
    assert train.post("/train", json=train_body, headers=bearer(ann)).status_code == 429
    assert add_job(train, "/train", bo, train_body).status_code == 202
    assert len(list(Path("state/jobs").iterdir())) == 3
    address = f"/train/{first.json['job_id']}"
    assert train.open(address, method="DELETE", headers=bearer(ann)).status_code == 200
    assert add_job(train, "/train", ann, train_body).status_code == 202
    assert add_job(train, "/train", ann, train_body).status_code == 429


@pytest.mark.usefixtures("waiting")
def test_a_list_of_jobs_reads_no_job_of_others(
    keys: Keys, train: Client, train_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bo, boss = (keys.add(*each) for each in (("ann", "train"), ("bo", "train"), BOSS))
    own = [add_job(train, "/train", ann, train_body).json["job_id"] for _ in range(2)]
    others = [add_job(train, "/train", bo, train_body).json["job_id"] for _ in range(5)]
    read, keys_read = Store.read, []

    def noted(self: Store, key: str, *rest: Any) -> Any:
        keys_read.append(key)
        return read(self, key, *rest)

    monkeypatch.setattr(Store, "read", noted)

    def listed(key: str, query: str = "") -> list[str]:
        keys_read.clear()
        jobs = train.get(f"/train{query}", headers=bearer(key)).json["jobs"]
        return [each["job_id"] for each in jobs]

    assert listed(ann) == own[::-1]
    assert keys_read == [f"jobs/{each}.json" for each in own[::-1]]
    assert listed(ann, "?limit=1") == own[1:]
    assert listed(ann, f"?before={own[1]}") == own[:1]
    assert listed(boss) == [*others[::-1], *own[::-1]]


@pytest.mark.usefixtures("waiting")
def test_a_damaged_slot_is_taken_again(
    keys: Keys, train: Client, train_body: dict[str, Any]
) -> None:
    ann = keys.add("ann", "train", "jobs=1")
    assert add_job(train, "/train", ann, train_body).status_code == 202
    Path("state/slots/train/ann/0.json").write_bytes(b"\xff{")
    assert add_job(train, "/train", ann, train_body).status_code == 202


def test_a_key_has_at_most_its_quota_of_seconds_of_sound(
    keys: Keys, predict: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", "state")
    second = made.sound(np.resize(made.signal("03a01Wa.wav"), 16_000))
    ann, bo = keys.add("ann", "predict", "sound=2/day"), keys.add("bo", "predict")

    def ask(key: str) -> Any:
        headers = {**bearer(key), "Content-Type": "audio/wav"}
        return predict.post("/predict", data=second, headers=headers)

    assert [ask(ann).status_code for _ in range(2)] == [200, 200]
    refused = ask(ann)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 24 * 3600
    assert "allowed: 2 s" in refused.json["detail"]
    assert [ask(bo).status_code for _ in range(3)] == [200, 200, 200]
    assert json.loads(Path("state/usage/ann.json").read_bytes())["seconds"] == 2
    # Another process of the function has the same count, and a damaged one begins again.
    Path("state/usage/ann.json").write_bytes(b"\xff")
    assert ask(ann).status_code == 200


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("fails", ["before the sounds are read", "after they are counted"])
def test_the_sound_of_a_job_is_counted_once_however_many_attempts_it_has(
    keys: Keys, predict: Client, fails: str
) -> None:
    class FailsOnce(Predictor):
        def predict(self, *given: Any) -> PredictAnswer:
            self.predict = super().predict  # type: ignore[method-assign]
            if fails.startswith("after"):
                super().predict(*given)
            raise RemoteFailed("the store of models fails")

    ann = keys.add("ann", "predict", "sound=60/day")
    second = made.sound(np.resize(made.signal("03a01Wa.wav"), 16_000))
    body = {"model_id": "ready", "audio": base64.b64encode(second).decode()}
    job_id = add_job(predict, "/predict", ann, body).json["job_id"]
    settings = Settings.from_environment()
    jobs = open_jobs(settings, Predictions(FailsOnce()))
    with pytest.raises(RemoteFailed):
        run_job(jobs, job_id, settings)
    job = run_job(jobs, job_id, settings)
    assert (job.status, job.attempts) == ("succeeded", 2)
    assert json.loads(Path("state/usage/ann.json").read_bytes())["seconds"] == 1
    assert "is_charged" not in predict.get(f"/predict/{job_id}", headers=bearer(ann)).json


def test_a_quota_without_a_store_is_an_error_of_the_operator(
    keys: Keys, predict: Client, caplog: pytest.LogCaptureFixture
) -> None:
    ann = keys.add("ann", "predict", "sound=2/hour")
    headers = {**bearer(ann), "Content-Type": "audio/wav"}
    assert predict.post("/predict", data=SOUND, headers=headers).status_code == 500
    assert "SER_JOBS_URI" in caplog.text


# The documents


@pytest.mark.parametrize("name", ["train", "predict"])
def test_the_openapi_document_states_the_scope_of_each_operation(keys: Keys, name: str) -> None:
    everything = keys.add("alice", "predict,train,events,manage")
    document = client_of(name).get("/openapi.json", headers=bearer(everything)).json
    scheme = document["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if path.endswith("/healthz"):
                assert operation["security"] == []
            else:
                ((scope,),) = (each["key"] for each in operation["security"])
                assert scope in ("predict", "train", "events", "manage", "observe")
                assert {"401", "403", "421"} <= operation["responses"].keys()


def test_without_keys_the_document_makes_them_optional(train: Client) -> None:
    operation = train.get("/openapi.json").json["paths"]["/train"]["post"]
    assert operation["security"] == [{"key": ["train"]}, {}]


def test_an_ended_job_keeps_no_signature_of_its_url(
    train: Client, train_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", "state")
    monkeypatch.setattr("ser.service.jobs.handover.start_worker", lambda _name: None)
    body = train_body | {"remote_url": "https://host.example/a.zip?X-Amz-Signature=0fe1c2"}
    job_id = train.post("/train", json=body, headers={"Prefer": "respond-async"}).json["job_id"]
    document = Path(f"state/jobs/{job_id}.json")
    assert "0fe1c2" in document.read_text()  # an attempt needs it
    assert train.delete(f"/train/{job_id}").json["status"] == "cancelled"
    assert "0fe1c2" not in document.read_text()
    jobs = open_jobs(Settings(jobs_uri="state"), Trainings())
    assert jobs.read(job_id).request.remote_url == "https://host.example/a.zip?..."
