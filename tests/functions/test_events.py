"""POST /events: what arrives is trained on once, whatever is delivered and whatever crashes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest

import buckets
import made
from clients import Client
from ser import Model, open_registry
from ser.corpora.folder import CorpusFolder
from ser.events import LOCAL_SOURCE, read_events
from ser.jobs.delivery import deliver
from ser.jobs.job import Job
from ser.jobs.jobs import open_jobs, utc_now
from ser.settings import Settings, SettingsError
from ser.training.process import TrainingProcesses
from stacks import ROOT

DEFAULTS = {
    "model_type": "RandomForestClassifier",
    "model_save_path": "model",
    "data_path": "scratch",
    "model_config": {"n_estimators": 5},
    "dataset_feature_extract_methods": {"SpeakerAndGenderAndTextType": {}},
}


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SER_JOBS_URI", "state")


@pytest.fixture
def body(train_body: dict[str, Any]) -> dict[str, Any]:
    """A request that costs little more than its imports."""
    return train_body | {
        "model_config": {"n_estimators": 5},
        "dataset_feature_extract_methods": {"SpeakerAndGenderAndTextType": {}},
    }


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket called ``jobs``."""
    with buckets.s3() as address:
        for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="jobs")
        yield "jobs"


def announced(*objects: tuple[str, str, str], source: str = LOCAL_SOURCE) -> dict[str, Any]:
    """The notification of objects, each given by bucket, key and ETag."""
    return {
        "Records": [
            {
                "eventName": "ObjectCreated:Put",
                "eventSource": source,
                "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key), "eTag": tag}},
            }
            for bucket, key, tag in objects
        ]
    }


def dropped(key: str, content: bytes) -> dict[str, Any]:
    """The notification of ``content``, which now lies in the inbox as ``key``."""
    inbox = Path("inbox").resolve()
    inbox.mkdir(exist_ok=True)
    (inbox / key).write_bytes(content)
    return announced((str(inbox), key, hashlib.sha256(content).hexdigest()))


def models() -> list[str]:
    return list(open_registry("model").models())


def test_an_arriving_corpus_is_trained_on_with_the_defaults_and_known_by_its_model(
    train: Client, corpus_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_TRAIN_DEFAULTS", json.dumps(DEFAULTS))
    event = dropped("Ärger + Wut.zip", corpus_zip.read_bytes())
    response = train.post("/events", json=event)
    assert response.status_code == 200
    (job,) = response.json["jobs"]
    assert (job["status"], job["attempts"]) == ("succeeded", 1), job["problem"]
    model = open_registry("model").model("latest")
    assert model.model_id == job["job_id"]
    trigger = model.manifest["trigger"]
    assert (trigger["bucket"], trigger["key"]) == (str(Path("inbox").resolve()), "Ärger + Wut.zip")
    assert trigger["etag"] == hashlib.sha256(corpus_zip.read_bytes()).hexdigest()
    assert not list(Path("scratch").iterdir())
    # Next week, when the corpus is gone.
    Path("inbox/Ärger + Wut.zip").unlink()
    assert train.post("/events", json=event).json["jobs"][0]["status"] == "succeeded"
    assert models() == [job["job_id"]]


def test_a_corpus_in_a_bucket_that_announces_all_that_is_created_becomes_one_model(
    train: Client, corpus_zip: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", f"s3://{bucket}/state")
    defaults = DEFAULTS | {"model_save_path": f"s3://{bucket}/models"}
    monkeypatch.setenv("SER_TRAIN_DEFAULTS", json.dumps(defaults))
    s3, sqs = boto3.client("s3"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="arrivals")["QueueUrl"]
    to_queue = {
        "QueueArn": sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"],
        "Events": ["s3:ObjectCreated:*"],
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [to_queue]}
    )
    s3.put_object(Bucket=bucket, Key="in/Ärger + Wut.zip", Body=corpus_zip.read_bytes())
    delivered = []
    # Models, jobs and claims announce themselves, too, and nothing comes of it.
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            response = train.post("/events", data=message["Body"], content_type="application/json")
            assert response.status_code == 200
            delivered += response.json["jobs"]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    (job,) = delivered
    assert job["status"] == "succeeded", job["problem"]
    registry = open_registry(f"s3://{bucket}/models")
    assert list(registry.models()) == [job["job_id"]]
    assert registry.model("latest").manifest["trigger"]["key"] == "in/Ärger + Wut.zip"


@pytest.mark.parametrize("place", ["state", "s3://jobs/state"])
def test_fifty_deliveries_at_once_give_one_model_and_are_all_answered_politely(
    train: Client, body: dict[str, Any], bucket: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", place)
    event = dropped("night.train.json", json.dumps(body).encode())
    application: Any = train
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: application.application.test_client().post("/events", json=event),
                range(50),
            )
        )
    assert {answer.status_code for answer in answers} <= {200, 202}
    assert {answer.json["jobs"][0]["job_id"] for answer in answers} == set(models())
    assert len(models()) == 1
    assert any(answer.json["jobs"][0]["status"] == "succeeded" for answer in answers)


def test_each_version_of_an_object_is_trained_on_once_in_whatever_order_they_come(
    train: Client, body: dict[str, Any], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", "s3://jobs/state")
    client, events = boto3.client("s3"), []
    for trees in (5, 6):
        content = json.dumps(body | {"model_config": {"n_estimators": trees}}).encode()
        put = client.put_object(Bucket="jobs", Key="in/a b.train.json", Body=content)
        events.append(announced(("jobs", "in/a b.train.json", put["ETag"]), source="aws:s3"))
    second, first = (train.post("/events", json=event) for event in events[::-1])
    assert second.json["jobs"][0]["status"] == "succeeded"
    # Its content is not there any more: the second has replaced it.
    assert (first.status_code, first.json["jobs"][0]["status"]) == (200, "failed")
    assert first.json["jobs"][0]["problem"]["status"] == 409
    for event in events:
        assert train.post("/events", json=event).status_code == 200
    (model_id,) = models()
    manifest = open_registry("model").model(model_id).manifest
    assert manifest["model_config"]["n_estimators"] == 6
    assert manifest["trigger"]["uri"] == "s3://jobs/in/a b.train.json"


def test_a_passing_fault_is_told_so_that_the_event_comes_again(
    train: Client, body: dict[str, Any], bounds: Path
) -> None:
    event = dropped("night.train.json", json.dumps(body).encode())
    with CorpusFolder(bounds / "data", Settings()).exclusively():
        assert train.post("/events", json=event).status_code == 503
    (job,) = train.get("/train").json["jobs"]
    assert (job["status"], job["problem"]["status"]) == ("running", 503)
    (job,) = train.post("/events", json=event).json["jobs"]
    assert (job["status"], job["attempts"], job["problem"]) == ("succeeded", 2, None)


def test_a_delivery_that_finds_no_place_leaves_its_job_queued(
    train: Client, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = dropped("night.train.json", json.dumps(body).encode())
    full = TrainingProcesses()
    configured, jobs = Settings.from_environment(), open_jobs(Settings.from_environment())
    with full.place(limit=configured.max_trainings), full.place(limit=configured.max_trainings):
        with pytest.raises(Exception, match="SER_MAX_TRAININGS"):
            deliver(read_events({}, json.dumps(event).encode()), jobs, full, configured)
        (job,) = jobs.newest()
        assert (job.status, job.attempts) == ("queued", 0)


@pytest.mark.parametrize(
    ("key", "content", "status"),
    [
        ("bad.train.json", b"{", 400),
        ("bad.train.json", b'{"model_type": "SVM"}', 422),
        ("bad.zip", b"no archive", 422),
    ],
)
def test_what_can_never_be_trained_on_fails_at_once_and_is_acknowledged(
    train: Client, monkeypatch: pytest.MonkeyPatch, key: str, content: bytes, status: int
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    event = dropped(key, content)
    for _ in range(2):
        response = train.post("/events", json=event)
        assert response.status_code == 200
        (job,) = response.json["jobs"]
        assert (job["status"], job["problem"]["status"]) == ("failed", status)
    assert len(train.get("/train").json["jobs"]) == 1


def test_what_is_not_for_us_is_acknowledged_and_makes_no_job(
    train: Client, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    outside = announced((str(bounds), "notes.txt", "1"), (str(bounds), "model/x.zip", "2"))
    for event in (outside, {"Event": "s3:TestEvent", "Service": "Amazon S3"}, {}):
        response = train.post("/events", json=event)
        assert (response.status_code, response.json) == (200, {"jobs": []})
    assert train.get("/train").json == {"jobs": []}


def test_an_event_reaches_no_farther_than_a_request(train: Client, bounds: Path) -> None:
    secret = bounds.parent / f"{uuid.uuid4()}.train.json"
    secret.write_text("{}")
    (job,) = train.post("/events", json=announced((str(secret.parent), secret.name, "1"))).json[
        "jobs"
    ]
    assert job["status"] == "failed"
    assert "SER_ALLOWED_PATHS" in job["problem"]["detail"]


@pytest.mark.parametrize("defaults", ["{", "[1]", "night"])
def test_defaults_that_are_no_object_are_refused(
    monkeypatch: pytest.MonkeyPatch, defaults: str
) -> None:
    monkeypatch.setenv("SER_TRAIN_DEFAULTS", defaults)
    with pytest.raises(SettingsError, match="SER_TRAIN_DEFAULTS") as caught:
        Settings.from_environment()
    assert repr(defaults) in str(caught.value)


DYING = '''
import os, signal, sys
from fnmatch import fnmatch

point = os.environ["DIE_AT"]
is_training = "ser.training" in sys.orig_argv


def reach(what):
    """Die at the point, together with the server, as when a machine goes down."""
    if fnmatch(what, point):
        if is_training:
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def mortal(name, original):
    def method(self, key, *rest):
        ended = " succeeded" if b'"succeeded"' in rest[-1] else ""
        reach(f"before {name} {key}{ended}")
        done = original(self, key, *rest)
        reach(f"after {name} {key}{ended}")
        return done
    return method


from ser import terminal
from ser.registry.store import Store

for name in ("create", "replace"):
    setattr(Store, name, mortal(name, getattr(Store, name)))
terminal.lines = lambda _title: lambda step, share: reach(f"step {step}")
'''
SERVER = """
import clients, json, sys
clients.client_of("train").post("/events", json=json.load(sys.stdin))
"""
POINTS = [
    "after create claims/*",
    "after create jobs/*",
    "after replace jobs/*",
    "step load",
    "step features",
    "step fit",
    "after create */model.onnx",
    "before create */manifest.json",
    "after create */manifest.json",
    "before replace jobs/* succeeded",
]


def redelivered(event: dict[str, Any]) -> Job:
    """The job of ``event``, delivered once more when the lease of the first has expired."""
    configured = Settings.from_environment()
    jobs = open_jobs(configured, clock=lambda: utc_now() + timedelta(hours=1))
    events = read_events({}, json.dumps(event).encode())
    (job,) = deliver(events, jobs, TrainingProcesses(), configured)
    return job


@pytest.mark.parametrize("point", POINTS)
def test_whoever_is_killed_another_delivery_ends_with_one_whole_model(
    point: str, body: dict[str, Any], bounds: Path
) -> None:
    event = dropped("night.train.json", json.dumps(body | {"alias": "night"}).encode())
    (bounds / "dying").mkdir()
    (bounds / "dying" / "sitecustomize.py").write_text(DYING)
    places = [str(bounds / "dying"), str(ROOT / "tests" / "support")]
    server = subprocess.run(
        [sys.executable, "-c", SERVER],
        input=json.dumps(event).encode(),
        env=os.environ | {"DIE_AT": point, "PYTHONPATH": os.pathsep.join(places)},
    )
    assert server.returncode == -signal.SIGKILL
    registry = open_registry("model")
    published = [registry.model(model_id).manifest for model_id in registry.models()]
    job = redelivered(event)
    assert (job.status, job.result and job.result["model_id"]) == ("succeeded", job.job_id)
    assert registry.aliases() == {"latest": job.job_id, "night": job.job_id}
    model = registry.model("latest")
    assert published in ([], [model.manifest])
    for name in model.manifest["files"]:
        model.read(name)
    assert len(Model(model.read("model.onnx")).labels) == len(made.CODES)
    folders = {path.name for path in Path("model").iterdir() if path.is_dir()}
    assert folders == {"aliases", job.job_id}
    assert job.result is not None
    assert job.result["test_samples"] == sorted(model.manifest["samples"])


def test_an_event_is_not_lost_when_no_job_can_be_kept(
    train: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("state").write_bytes(b"a file where the folder would be")
    response = train.post("/events", json=dropped("a.zip", b"some archive"))
    assert response.status_code == 502
    assert "jobs cannot be kept" in response.json["detail"]


def test_a_damaged_job_hides_no_other(train: Client, corpus_zip: Path) -> None:
    (job,) = train.post("/events", json=dropped("a.zip", b"no archive")).json["jobs"]
    damaged = Path("state") / "jobs" / "20200101T000000Z-00000000.json"
    damaged.write_bytes(b"{")
    assert [each["job_id"] for each in train.get("/train").json["jobs"]] == [job["job_id"]]
    assert train.get("/train/20200101T000000Z-00000000").status_code == 409
