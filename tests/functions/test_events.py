"""POST /events: each arrival is trained on once, despite repeated deliveries and crashes."""

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
from dataclasses import replace
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
from ser.corpora import CorpusFolder
from ser.errors import SerError
from ser.service.events import LOCAL_SOURCE, ObjectCreated, read_events
from ser.service.interpreter import python_path
from ser.service.jobs.delivery import deliver, find_or_add_job
from ser.service.jobs.job import Job
from ser.service.jobs.jobs import open_jobs, utc_now
from ser.service.jobs.running import run_job
from ser.service.jobs.trainings import Trainings
from ser.service.settings import Settings, SettingsError
from ser.service.training.process import TrainingProcesses
from ser.store import open_store
from stacks import ROOT

TIMEOUT_SECONDS = 300
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
    monkeypatch.setenv("SER_INBOX", "inbox")


@pytest.fixture
def body(train_body: dict[str, Any]) -> dict[str, Any]:
    """A request whose training takes little longer than its imports."""
    return train_body | {
        "model_config": {"n_estimators": 5},
        "dataset_feature_extract_methods": {"SpeakerAndGenderAndTextType": {}},
    }


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A new bucket for this test."""
    with buckets.s3() as address:
        for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        name = f"bucket-{uuid.uuid4()}"
        boto3.client("s3").create_bucket(Bucket=name)
        yield name


def notification(*objects: tuple[str, str, str], source: str = LOCAL_SOURCE) -> dict[str, Any]:
    """The notification of created objects, each given by bucket, key and ETag."""
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


def drop(key: str, content: bytes) -> dict[str, Any]:
    """Write ``content`` to the inbox as ``key`` and return its notification."""
    inbox = Path("inbox").resolve()
    inbox.mkdir(exist_ok=True)
    (inbox / key).write_bytes(content)
    return notification((str(inbox), key, hashlib.sha256(content).hexdigest()))


def model_ids() -> list[str]:
    return list(open_registry("model").ids())


def test_a_new_corpus_is_trained_on_with_the_defaults_and_recorded_in_the_manifest(
    train: Client, corpus_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_TRAIN_DEFAULTS", json.dumps(DEFAULTS))
    event = drop("Ärger + Wut.zip", corpus_zip.read_bytes())
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
    # A late repetition, after the corpus has been deleted.
    Path("inbox/Ärger + Wut.zip").unlink()
    assert train.post("/events", json=event).json["jobs"][0]["status"] == "succeeded"
    assert model_ids() == [job["job_id"]]


def test_a_corpus_in_a_bucket_that_announces_every_object_becomes_one_model(
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
    # The bucket announces models, jobs and claims too, which must start nothing.
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            response = train.post("/events", data=message["Body"], content_type="application/json")
            assert response.status_code == 200
            delivered += response.json["jobs"]
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    (job,) = delivered
    assert job["status"] == "succeeded", job["problem"]
    registry = open_registry(f"s3://{bucket}/models")
    assert list(registry.ids()) == [job["job_id"]]
    assert registry.model("latest").manifest["trigger"]["key"] == "in/Ärger + Wut.zip"


@pytest.mark.parametrize("store", ["folder", "bucket"])
def test_fifty_simultaneous_deliveries_make_one_model_and_all_get_an_answer(
    train: Client, body: dict[str, Any], bucket: str, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", f"s3://{bucket}/state" if store == "bucket" else "state")
    event = drop("night.train.json", json.dumps(body).encode())
    application: Any = train
    with ThreadPoolExecutor(50) as pool:
        answers = list(
            pool.map(
                lambda _: application.application.test_client().post("/events", json=event),
                range(50),
            )
        )
    # 200 only after the job has ended; a delivery that does not wait is asked to repeat.
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
    done = [answer for answer in answers if answer.status_code == 200]
    reported = {(job["job_id"], job["status"]) for answer in done for job in answer.json["jobs"]}
    (model_id,) = model_ids()
    assert reported == {(model_id, "succeeded")}
    again = train.post("/events", json=event).json["jobs"]
    assert [job["job_id"] for job in again] == [model_id]


def test_a_request_that_arrives_may_name_several_sources(
    train: Client, body: dict[str, Any], bounds: Path
) -> None:
    for name, speakers in (("first.zip", ["03", "08"]), ("second.zip", ["09", "10"])):
        made.corpus(bounds / name, made.names(speakers))
    sources = [{"remote_url": "first.zip", "corpus": "emodb"}, {"remote_url": "second.zip"}]
    event = drop("both.train.json", json.dumps(body | {"remote_url": sources}).encode())
    for _ in range(2):
        (job,) = train.post("/events", json=event).json["jobs"]
        assert job["status"] == "succeeded", job["problem"]
    (model_id,) = model_ids()
    manifest = open_registry("model").model(model_id).manifest
    assert [(each["remote_url"], each["speakers"]) for each in manifest["corpora"]] == [
        (source["remote_url"], 2) for source in sources
    ]
    # A source that does not fit is named by its index.
    wrong = [sources[0], {"remote_url": "ftp://host/second.zip"}, {"corpus": "emodb"}]
    event = drop("wrong.train.json", json.dumps(body | {"remote_url": wrong}).encode())
    (job,) = train.post("/events", json=event).json["jobs"]
    assert job["status"] == "failed"
    assert [error["loc"] for error in job["problem"]["errors"]] == [["remote_url", 2, "remote_url"]]


def test_each_version_of_an_object_is_trained_on_once_in_any_order_of_delivery(
    train: Client, body: dict[str, Any], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", f"s3://{bucket}/state")
    client, events = boto3.client("s3"), []
    for trees in (5, 6):
        content = json.dumps(body | {"model_config": {"n_estimators": trees}}).encode()
        put = client.put_object(Bucket=bucket, Key="in/a b.train.json", Body=content)
        events.append(notification((bucket, "in/a b.train.json", put["ETag"]), source="aws:s3"))
    second, first = (train.post("/events", json=event) for event in events[::-1])
    assert second.json["jobs"][0]["status"] == "succeeded"
    # The second version has replaced the content of the first.
    assert (first.status_code, first.json["jobs"]) == (200, [])
    for event in events:
        assert train.post("/events", json=event).status_code == 200
    (model_id,) = model_ids()
    manifest = open_registry("model").model(model_id).manifest
    assert manifest["model_config"]["n_estimators"] == 6
    assert manifest["trigger"]["uri"] == f"s3://{bucket}/in/a b.train.json"


def test_an_older_version_in_a_versioned_bucket_is_trained_on_as_it_was(
    train: Client, corpus_zip: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_TRAIN_DEFAULTS", json.dumps(DEFAULTS))
    client = boto3.client("s3")
    versioning = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
    put = client.put_object(Bucket=bucket, Key="a//x.zip", Body=corpus_zip.read_bytes())
    client.put_object(Bucket=bucket, Key="a//x.zip", Body=b"a later version")
    event = notification((bucket, "a//x.zip", put["ETag"]), source="aws:s3")
    event["Records"][0]["s3"]["object"]["versionId"] = put["VersionId"]
    (job,) = train.post("/events", json=event).json["jobs"]
    assert job["status"] == "succeeded", job["problem"]
    assert job["trigger"]["version"] == put["VersionId"]


@pytest.mark.parametrize("store", ["inbox", "bucket"])
def test_an_object_replaced_before_it_is_fetched_is_not_trained_on(
    train: Client, corpus_zip: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    monkeypatch.setenv("SER_TRAIN_DEFAULTS", json.dumps(DEFAULTS))
    archive, other = corpus_zip.read_bytes(), corpus_zip.read_bytes() + b"\0"
    if store == "inbox":
        event = drop("x.zip", archive)
        drop("x.zip", other)
    else:
        put = boto3.client("s3").put_object(Bucket=bucket, Key="x.zip", Body=archive)
        event = notification((bucket, "x.zip", put["ETag"]), source="aws:s3")
    configured = Settings.from_environment()
    jobs = open_jobs(configured, Trainings())
    (created,) = read_events({}, json.dumps(event).encode())
    assert isinstance(created, ObjectCreated)
    found = find_or_add_job(created, jobs, configured)
    assert found is not None
    _, job_id = found
    boto3.client("s3").put_object(Bucket=bucket, Key="x.zip", Body=other)
    job = run_job(jobs, job_id, configured)
    assert job.status == "failed"
    assert job.problem is not None
    assert job.problem["status"] == 409
    assert "has changed" in job.problem["detail"]
    assert model_ids() == []


def test_an_object_of_cloud_storage_is_read_through_the_protocol_of_s3(
    train: Client, corpus_zip: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_TRAIN_DEFAULTS", json.dumps(DEFAULTS))
    boto3.client("s3").put_object(Bucket=bucket, Key="in/x.zip", Body=corpus_zip.read_bytes())
    finalized = {"Ce-Type": "google.cloud.storage.object.v1.finalized"}
    with buckets.s3(**{"x-goog-generation": "1587627537231057"}) as cloud_storage:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud_storage)
        for generation in ("1587627537231056", "1587627537231057"):
            event = {"bucket": bucket, "name": "in/x.zip", "generation": generation, "etag": "CN=="}
            response = train.post("/events", json=event, headers=finalized)
            assert response.status_code == 200
    # The other generation does not exist.
    (job,) = train.get("/train").json["jobs"]
    assert job["status"] == "succeeded", job["problem"]
    assert job["trigger"]["uri"] == f"gs://{bucket}/in/x.zip"
    assert job["trigger"]["version"] == "1587627537231057"


def test_an_object_announced_before_it_exists_can_be_announced_again(
    train: Client, body: dict[str, Any]
) -> None:
    content = json.dumps(body).encode()
    event = drop("night.train.json", content)
    Path("inbox/night.train.json").unlink()
    assert train.post("/events", json=event).json["jobs"] == []
    drop("night.train.json", content)
    (job,) = train.post("/events", json=event).json["jobs"]
    assert job["status"] == "succeeded", job["problem"]


def test_a_waiting_delivery_takes_the_job_over_when_its_holder_crashes(
    body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = drop("night.train.json", json.dumps(body).encode())
    configured = Settings.from_environment()
    jobs = open_jobs(configured, Trainings())
    (created,) = read_events({}, json.dumps(event).encode())
    assert isinstance(created, ObjectCreated)
    found = find_or_add_job(created, jobs, configured)
    assert found is not None
    _, job_id = found
    nearly_over = replace(jobs, clock=lambda: utc_now() - timedelta(seconds=27))
    _, lease = nearly_over.take(job_id)
    assert lease is not None
    nearly_over.begin(job_id, lease)
    (job,) = deliver([created], jobs, configured)
    assert (job.status, job.attempts) == ("succeeded", 2)


def test_a_sender_is_asked_to_repeat_a_delivery_that_has_waited_too_long(
    train: Client, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_WAIT_SECONDS", "1")
    event = drop("night.train.json", json.dumps(body).encode())
    configured = Settings.from_environment()
    jobs = open_jobs(configured, Trainings())
    (created,) = read_events({}, json.dumps(event).encode())
    assert isinstance(created, ObjectCreated)
    found = find_or_add_job(created, jobs, configured)
    assert found is not None
    _, job_id = found
    assert jobs.take(job_id)[1] is not None
    response = train.post("/events", json=event)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert f"running job {job_id}" in response.json["detail"]
    assert jobs.read(job_id).attempts == 0


def test_an_invalid_record_does_not_prevent_training_on_the_others(
    train: Client, body: dict[str, Any]
) -> None:
    event = drop("night.train.json", json.dumps(body).encode())
    event["Records"].insert(0, {"eventName": "ObjectCreated:Put", "s3": {"bucket": "example"}})
    response = train.post("/events", json=event)
    assert response.status_code == 200
    (refused,) = response.json["refused"]
    assert refused["errors"][0]["loc"] == ["Records", 0, "s3"]
    assert len(model_ids()) == 1


def test_a_transient_error_is_returned_so_that_the_event_is_delivered_again(
    train: Client, body: dict[str, Any], bounds: Path
) -> None:
    event = drop("night.train.json", json.dumps(body).encode())
    with CorpusFolder(bounds / "data").exclusively():
        assert train.post("/events", json=event).status_code == 503
    (job,) = train.get("/train").json["jobs"]
    assert (job["status"], job["problem"]["status"]) == ("running", 503)
    (job,) = train.post("/events", json=event).json["jobs"]
    # Waiting for the locked corpus did not count as an attempt.
    assert (job["status"], job["attempts"], job["problem"]) == ("succeeded", 1, None)


def test_a_delivery_without_a_free_slot_leaves_its_job_queued(
    train: Client, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    event = drop("night.train.json", json.dumps(body).encode())
    full = TrainingProcesses()
    configured = Settings.from_environment()
    jobs = open_jobs(configured, Trainings(full))
    with full.slot(limit=configured.max_trainings), full.slot(limit=configured.max_trainings):
        with pytest.raises(Exception, match="SER_MAX_TRAININGS"):
            deliver(read_events({}, json.dumps(event).encode()), jobs, configured)
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
def test_an_invalid_object_fails_its_job_at_once_and_is_acknowledged(
    train: Client, monkeypatch: pytest.MonkeyPatch, key: str, content: bytes, status: int
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    event = drop(key, content)
    for _ in range(2):
        response = train.post("/events", json=event)
        assert response.status_code == 200
        (job,) = response.json["jobs"]
        assert (job["status"], job["problem"]["status"]) == ("failed", status)
    assert len(train.get("/train").json["jobs"]) == 1


def test_an_irrelevant_event_is_acknowledged_without_a_job(
    train: Client, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    outside = notification((str(bounds), "notes.txt", "1"), (str(bounds), "model/x.zip", "2"))
    for event in (outside, {"Event": "s3:TestEvent", "Service": "Amazon S3"}, {}):
        response = train.post("/events", json=event)
        assert (response.status_code, response.json) == (200, {"jobs": [], "refused": []})
    assert train.get("/train").json == {"jobs": []}


def test_an_event_has_no_more_access_than_a_request(
    train: Client, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_INBOX", str(bounds.parent))
    secret = bounds.parent / f"{uuid.uuid4()}.train.json"
    secret.write_text("{}")
    (job,) = train.post("/events", json=notification((str(secret.parent), secret.name, "1"))).json[
        "jobs"
    ]
    assert job["status"] == "failed"
    assert "SER_ALLOWED_PATHS" in job["problem"]["detail"]


@pytest.mark.parametrize("key", ["absolute", "upwards", "link"])
def test_a_file_outside_the_inbox_is_no_arrival(train: Client, bounds: Path, key: str) -> None:
    outside = bounds / "outside.zip"
    outside.write_bytes(b"no archive")
    (bounds / "inbox").mkdir(exist_ok=True)
    (bounds / "inbox" / "link.zip").symlink_to(outside)
    keys = {"absolute": str(outside), "upwards": "../outside.zip", "link": "link.zip"}
    response = train.post("/events", json=notification((str(bounds / "inbox"), keys[key], "1")))
    assert (response.status_code, response.json["jobs"]) == (200, [])
    assert train.get("/train").json == {"jobs": []}


@pytest.mark.parametrize("defaults", ["{", "[1]", "night"])
def test_defaults_that_are_not_an_object_are_refused(
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
is_training = "ser.service.training" in sys.orig_argv


def reach(here):
    """Kill this process and its server at the point, as if the machine had crashed."""
    if fnmatch(here, point):
        if is_training:
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def mortal(name, original):
    def method(self, key, *rest):
        ended = " succeeded" if b'"succeeded"' in rest[-1] else ""
        reach(f"before {name} {key}{ended}")
        outcome = original(self, key, *rest)
        reach(f"after {name} {key}{ended}")
        return outcome
    return method


from ser.service import terminal
from ser.store._store import Store

for name in ("create", "replace"):
    setattr(Store, name, mortal(name, getattr(Store, name)))
terminal.line_printer = lambda _title: lambda step, share: reach(f"step {step}")
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


def redeliver(event: dict[str, Any]) -> Job:
    """Deliver ``event`` again after the lease of the first delivery has expired; return its job."""
    configured = Settings.from_environment()
    jobs = open_jobs(configured, Trainings(), clock=lambda: utc_now() + timedelta(hours=1))
    events = read_events({}, json.dumps(event).encode())
    (job,) = deliver(events, jobs, configured)
    return job


def deliver_and_kill(point: str, event: dict[str, Any], folder: Path) -> None:
    """Deliver ``event`` to a server and kill the server at ``point``."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(DYING)
    folders = [str(folder), str(ROOT / "tests" / "support"), python_path()]
    server = subprocess.run(
        [sys.executable, "-c", SERVER],
        input=json.dumps(event).encode(),
        env=os.environ | {"DIE_AT": point, "PYTHONPATH": os.pathsep.join(folders)},
        timeout=TIMEOUT_SECONDS,
    )
    assert server.returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", POINTS)
def test_a_second_delivery_after_a_crash_leads_to_one_complete_model(
    point: str, body: dict[str, Any], bucket: str, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", f"s3://{bucket}/state")
    models_uri = f"s3://{bucket}/models"
    wanted = json.dumps(body | {"alias": "night", "model_save_path": models_uri}).encode()
    put = boto3.client("s3").put_object(Bucket=bucket, Key="night.train.json", Body=wanted)
    event = notification((bucket, "night.train.json", put["ETag"]), source="aws:s3")
    deliver_and_kill(point, event, bounds / "dying")
    registry = open_registry(models_uri)
    before = [registry.model(model_id).manifest for model_id in registry.ids()]
    job = redeliver(event)
    assert (job.status, job.result and job.result["model_id"]) == ("succeeded", job.job_id)
    assert registry.aliases() == {"latest": job.job_id, "night": job.job_id}
    model = registry.model("latest")
    assert before in ([], [model.manifest])
    assert model.is_whole()
    assert len(Model(model.read("model.onnx")).labels) == len(made.CODES)
    # The first sweep asks for a sign of life, the second one finds none.
    registry.sweep(seconds=0)
    registry.sweep(seconds=0)
    assert open_store(models_uri).names() == [f"{job.job_id}/", "aliases/"]
    assert job.result is not None
    assert job.result["test_samples"] == sorted(model.manifest["samples"])


@pytest.mark.parametrize(
    ("point", "status"),
    [("before create */manifest.json", "failed"), ("after create */manifest.json", "succeeded")],
)
def test_a_crash_in_the_last_attempt_loses_no_model_and_leaves_no_partial_one(
    point: str,
    status: str,
    body: dict[str, Any],
    bounds: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SER_MAX_ATTEMPTS", "1")
    event = drop("night.train.json", json.dumps(body).encode())
    deliver_and_kill(point, event, bounds / "dying")
    if status == "failed":
        # Raised, so that a queue keeps the event that it could not deliver.
        with pytest.raises(SerError, match="no result after 1 attempt:"):
            redeliver(event)
    job = redeliver(event)
    assert job.status == status
    assert model_ids() == ([job.job_id] if status == "succeeded" else [])
    folders = {path.name for path in Path("model").glob("*-*")}
    assert folders == set(model_ids())


def test_a_model_mixed_up_by_two_simultaneous_attempts_is_replaced_by_the_next(
    body: dict[str, Any], bounds: Path
) -> None:
    event = drop("night.train.json", json.dumps(body).encode())
    deliver_and_kill("after create */manifest.json", event, bounds / "dying")
    (model_id,) = model_ids()
    # As if a process that had lost the lease had published its files in between.
    (bounds / "model" / model_id / "model.onnx").write_bytes(b"of another attempt")
    job = redeliver(event)
    assert (job.status, job.attempts) == ("succeeded", 2)
    assert open_registry("model").model(model_id).is_whole()


def test_an_event_is_delivered_again_when_its_job_cannot_be_stored(
    train: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("state").write_bytes(b"a file in the place of the folder")
    response = train.post("/events", json=drop("a.zip", b"some archive"))
    assert response.status_code == 502
    assert "jobs cannot be stored" in response.json["detail"]


def test_a_damaged_job_does_not_hide_the_others(train: Client, corpus_zip: Path) -> None:
    (job,) = train.post("/events", json=drop("a.zip", b"no archive")).json["jobs"]
    damaged = Path("state") / "jobs" / "20200101T000000Z-00000000.json"
    damaged.write_bytes(b"{")
    assert [each["job_id"] for each in train.get("/train").json["jobs"]] == [job["job_id"]]
    assert train.get("/train/20200101T000000Z-00000000").status_code == 409
