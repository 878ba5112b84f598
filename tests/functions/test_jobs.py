"""Trainings that nobody waits for: POST /train with Prefer: respond-async, and what follows."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

import buckets
import made as corpora
from clients import Client, Response
from ser.errors import Conflict, StorageFull
from ser.registry import open_registry
from ser.service.jobs.handover import alone, work
from ser.service.jobs.jobs import Jobs, LeaseLost, open_jobs, utc_now
from ser.service.jobs.running import Holding, cancel, run
from ser.service.problems import TrainingLost
from ser.service.settings import Settings
from ser.service.training.process import TrainingProcesses
from ser.store import open_store
from ser.store._folder import FolderStore
from ser.store._s3 import S3Store

ASYNC = {"Prefer": "wait=5, Respond-Async;x=1"}
PATIENCE_SECONDS = 60


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("SER_JOBS_URI", "state")
    return open_jobs(Settings.from_environment())


@pytest.fixture
def body(train_body: dict[str, Any]) -> dict[str, Any]:
    """A request that costs little more than its imports."""
    return train_body | {
        "model_config": {"n_estimators": 5},
        "dataset_feature_extract_methods": {"SpeakerAndGenderAndTextType": {}},
    }


def ended(client: Client, response: Response) -> dict[str, Any]:
    """The job that ``response`` promised, once it has ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        job: dict[str, Any] = client.get(response.headers["Location"]).json
        if job["ended_at"]:
            return job
        time.sleep(0.1)
    raise AssertionError(f"{job} has not ended")


def test_a_job_comes_to_what_the_request_would_have_been_answered(
    train: Client, body: dict[str, Any], jobs: Jobs
) -> None:
    response = train.post("/train", json=body | {"alias": "tried"}, headers=ASYNC)
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert int(response.headers["Retry-After"]) > 0
    assert response.json["status"] == "queued"
    job = ended(train, response)
    assert job["status"] == "succeeded", job["problem"]
    assert job["attempts"] == 1
    answer = train.post("/train", json=body).json
    differing = ("model_id", "seconds")
    assert job["result"].keys() == answer.keys()
    assert {k: v for k, v in job["result"].items() if k not in differing} == {
        k: v for k, v in answer.items() if k not in differing
    }
    registry = open_registry("model")
    assert list(registry.models()) == [answer["model_id"], job["result"]["model_id"]]
    assert registry.aliases() == {"latest": answer["model_id"], "tried": job["job_id"]}


def test_a_request_that_does_not_fit_is_refused_and_becomes_no_job(
    train: Client, body: dict[str, Any], jobs: Jobs
) -> None:
    for change in ({"model_type": "SVM"}, {"alias": "No Alias"}, {"alias": ""}):
        response = train.post("/train", json=body | change, headers=ASYNC)
        assert response.status_code == 422
        assert [error["loc"] for error in response.json["errors"]] == [list(change)]
    assert train.get("/train").json == {"jobs": []}


def test_without_a_place_for_jobs_the_request_is_answered_and_there_are_none(
    train: Client, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SER_JOBS_URI", raising=False)
    response = train.post("/train", json=body | {"remote_url": "missing.zip"}, headers=ASYNC)
    assert response.status_code == 422  # told by the training itself
    assert "Preference-Applied" not in response.headers
    for answer in (train.get("/train"), train.get("/train/x")):
        assert answer.status_code == 404
        assert "SER_JOBS_URI" in answer.json["detail"]
    # An event that is refused is gone; the setting may be mended.
    event = train.post("/events", json={})
    assert event.status_code == 502
    assert "SER_JOBS_URI" in event.json["detail"]


def test_a_job_fails_with_the_problem_of_its_training(
    train: Client, body: dict[str, Any], jobs: Jobs, bounds: Path
) -> None:
    corpora.archive(bounds / "corpus.zip", {"letter.txt": b"no sounds"})
    job = ended(train, train.post("/train", json=body, headers=ASYNC))
    assert (job["status"], job["attempts"]) == ("failed", 1)
    assert job["problem"]["status"] == 422
    assert job["problem"]["errors"][0]["loc"] == ["remote_url"]
    assert not list(open_registry("model").models())


def test_jobs_are_listed_in_pages_without_what_makes_them_long(train: Client, jobs: Jobs) -> None:
    ids = [jobs.add({"remote_url": "corpus.zip"}).job_id for _ in range(3)][::-1]
    first = train.get("/train?limit=2").json["jobs"]
    assert [job["job_id"] for job in first] == ids[:2]
    assert {"status", "stage", "progress", "attempts", "created_at"} < first[0].keys()
    assert not {"request", "result", "lease"} & first[0].keys()
    (last,) = train.get(f"/train?limit=2&before={ids[1]}").json["jobs"]
    assert last["job_id"] == ids[2]
    for query in ("limit=0", "limit=101", "limit=some", "before=", "after=x"):
        refused = train.get(f"/train?{query}")
        assert refused.status_code == 422
        assert refused.json["errors"][0]["loc"] == [query.partition("=")[0]]


def test_a_queued_job_is_cancelled_and_never_run(train: Client, jobs: Jobs) -> None:
    job = jobs.add({"remote_url": "corpus.zip"})
    for _ in range(2):
        response = train.delete(f"/train/{job.job_id}")
        assert (response.status_code, response.json["status"]) == (200, "cancelled")
    work(Settings.from_environment())
    assert jobs.read(job.job_id).attempts == 0


def test_a_running_job_is_cancelled_and_leaves_no_model(
    train: Client, body: dict[str, Any], jobs: Jobs
) -> None:
    slow = body | {"model_config": {"n_estimators": 10_000}, "evaluation": "loso"}
    response = train.post("/train", json=slow, headers=ASYNC)
    place = response.headers["Location"]
    while train.get(place).json["stage"] in ("", "start"):
        time.sleep(0.1)
    assert train.delete(place).json["status"] == "cancelled"
    # Whoever comes next finds the place free, and the one before gone.
    after = ended(train, train.post("/train", json=body, headers=ASYNC))
    assert after["status"] == "succeeded"
    assert train.get(place).json["status"] == "cancelled"
    assert list(open_registry("model").models()) == [after["job_id"]]
    assert (
        train.delete(response.headers["Location"].replace("/train/", "/train/x")).status_code == 404
    )
    assert train.delete(f"/train/{after['job_id']}").status_code == 409


def test_a_worker_takes_up_what_another_one_left_behind(
    train: Client, body: dict[str, Any], jobs: Jobs
) -> None:
    long_ago = replace(jobs, clock=lambda: utc_now() - timedelta(hours=1))
    job_id = jobs.add(body | {"model_type": "SVM"}).job_id
    _, lease = long_ago.take(job_id)
    assert lease is not None
    long_ago.begin(job_id, lease)
    work(Settings.from_environment())
    job = jobs.read(job_id)
    assert job.status == "failed"
    assert job.problem is not None
    assert job.problem["status"] == 422


def test_a_job_that_cannot_be_handed_over_is_not_left_waiting(
    train: Client, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with buckets.s3() as address:
        for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SER_JOBS_URI", "s3://no-room/state")
        boto3.client("s3").create_bucket(Bucket="no-room")
        monkeypatch.setattr(S3Store, "create", refusing("requests/", S3Store.create))
        assert train.post("/train", json=body, headers=ASYNC).status_code == 507
        (job,) = train.get("/train").json["jobs"]
    assert job["status"] == "cancelled"


def refusing(beginning: str, create: Callable[[S3Store, str, bytes], bool]) -> Any:
    """``create`` of a store that has no room for keys of this beginning."""

    def method(store: S3Store, key: str, data: bytes) -> bool:
        if key.startswith(beginning):
            raise StorageFull("there is no room left")
        return create(store, key, data)

    return method


def test_a_worker_waits_for_what_others_are_at_and_takes_it_over_when_they_break_down(
    body: dict[str, Any], jobs: Jobs
) -> None:
    job_id = jobs.add(body | {"model_type": "SVM"}).job_id
    nearly_over = replace(jobs, clock=lambda: utc_now() - timedelta(seconds=jobs.lease_seconds - 3))
    _, lease = nearly_over.take(job_id)
    assert lease is not None
    assert jobs.read(job_id).is_held(utc_now())
    work(Settings.from_environment())
    assert jobs.read(job_id).status == "failed"


def made(monkeypatch: pytest.MonkeyPatch, then: Callable[[str], object]) -> None:
    """Have ``then`` called with the id of a job in the moment when its model is made."""
    publishing = Holding.publishing

    def method(holding: Holding) -> None:
        then(holding.job.job_id)
        publishing(holding)

    monkeypatch.setattr(Holding, "publishing", method)


def test_a_job_that_is_cancelled_when_its_model_is_made_publishes_nothing(
    body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = Settings.from_environment()
    made(monkeypatch, lambda job_id: cancel(jobs, job_id, configured))
    job_id = jobs.add(body).job_id
    assert run(jobs, job_id, TrainingProcesses(), configured).status == "cancelled"
    assert open_store("model").names() == []


def test_a_job_is_not_cancelled_while_its_model_is_published(
    body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured, refusals = Settings.from_environment(), []
    publishing = Holding.publishing

    def method(holding: Holding) -> None:
        publishing(holding)
        assert open_store("model").names() == []  # before it has leave
        with pytest.raises(Conflict, match="is being published") as refusal:
            cancel(jobs, holding.job.job_id, configured)
        refusals.append(refusal)

    monkeypatch.setattr(Holding, "publishing", method)
    job = run(jobs, jobs.add(body).job_id, TrainingProcesses(), configured)
    assert (job.status, len(refusals)) == ("succeeded", 1)


def test_a_cancellation_after_a_crash_finds_the_model_that_is_there(
    body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = Settings.from_environment()
    job_id = jobs.add(body).job_id
    with monkeypatch.context() as patch:
        # The answer is lost with whoever had it.
        patch.setattr(Jobs, "succeed", lambda *_: (_ for _ in ()).throw(StorageFull("no room")))
        with pytest.raises(StorageFull):
            run(jobs, job_id, TrainingProcesses(), configured)
    later = replace(jobs, clock=lambda: utc_now() + timedelta(hours=1))
    with pytest.raises(Conflict, match="has succeeded already"):
        cancel(later, job_id, configured)
    assert jobs.read(job_id).status == "succeeded"


def test_a_holder_that_cannot_renew_its_lease_gives_up_once_that_has_run_out(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = jobs.add({"remote_url": "corpus.zip"}).job_id
    _, lease = jobs.take(job_id)
    assert lease is not None
    now = [1000.0]
    monkeypatch.setattr("ser.service.jobs.running.time.monotonic", lambda: now[0])
    holding = Holding(jobs, jobs.begin(job_id, lease))
    monkeypatch.setattr(FolderStore, "replace", lambda *_: (_ for _ in ()).throw(StorageFull("")))
    now[0] += jobs.lease_seconds - 1
    holding.pulse()
    now[0] += 1.5
    with pytest.raises(LeaseLost):
        holding.pulse()


def test_a_training_that_dies_when_its_model_is_made_is_told_as_lost(
    body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = Settings.from_environment()

    def kill(_job_id: str) -> None:
        children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        (child,) = {int(pid) for task in children for pid in task.read_text().split()}
        os.kill(child, signal.SIGKILL)
        while Path(f"/proc/{child}/cmdline").read_bytes():
            time.sleep(0.01)

    made(monkeypatch, kill)
    job_id = jobs.add(body).job_id
    with pytest.raises(TrainingLost, match="signal 9"):
        run(jobs, job_id, TrainingProcesses(), configured)
    assert open_store("model").names() == []


def test_a_job_whose_attempts_are_used_up_is_ended_when_somebody_asks(
    train: Client, body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_ATTEMPTS", "1")
    long_ago = replace(jobs, clock=lambda: utc_now() - timedelta(hours=1))
    job_id = jobs.add(body).job_id
    _, lease = long_ago.take(job_id)
    assert lease is not None
    long_ago.begin(job_id, lease)
    assert jobs.read(job_id).status == "running"
    job = train.get(f"/train/{job_id}").json
    assert (job["status"], job["attempts"]) == ("failed", 1)
    assert "none came to an end" in job["problem"]["detail"]


def test_one_worker_is_enough(body: dict[str, Any], jobs: Jobs) -> None:
    job_id = jobs.add(body | {"model_type": "SVM"}).job_id
    with alone(Path("state")) as mine:
        assert mine
        work(Settings.from_environment())
    assert jobs.read(job_id).status == "queued"


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/x.zip?signature=1a2b3c",
        " https://example.com/x.zip?signature=1a2b3c",
        "https://example.com/x.zip#token=1a2b3c",
        "https://me:1a2b3c@example.com/x.zip",
        "https://me:a?b#c/1a2b3c@example.com/x.zip",
        "ftp://me:1a2b3c@example.com/x.zip",
    ],
)
def test_secrets_of_a_url_are_kept_for_the_training_alone(
    train: Client, jobs: Jobs, url: str
) -> None:
    job = jobs.add({"remote_url": url})
    told = train.get(f"/train/{job.job_id}").text
    assert "example.com" in told
    assert "1a2b3c" not in told


def test_jobs_in_a_bucket_are_run_by_the_event_of_their_request(
    train: Client, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with buckets.s3() as address:
        for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("SER_JOBS_URI", "s3://jobs/state/")
        client = boto3.client("s3")
        client.create_bucket(Bucket="jobs")
        response = train.post("/train", json=body, headers=ASYNC)
        assert response.status_code == 202
        job_id = response.json["job_id"]
        (created,) = client.list_objects_v2(Bucket="jobs", Prefix="state/requests/")["Contents"]
        record = {"key": created["Key"], "eTag": created["ETag"].strip('"')}
        event = {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": {"name": "jobs"}, "object": record},
                }
            ]
        }
        for _ in range(2):
            delivered = train.post("/events", json=event)
            assert delivered.status_code == 200
            (job,) = delivered.json["jobs"]
            assert (job["job_id"], job["status"]) == (job_id, "succeeded")
        # The documents of jobs are ours, and start nothing.
        record["key"] = f"state/jobs/{job_id}.train.json"
        assert train.post("/events", json=event).json["jobs"] == []
    assert list(open_registry("model").models()) == [job_id]


def test_jobs_are_documented_without_their_leases(train: Client) -> None:
    document = train.get("/openapi.json").json
    listed = document["paths"]["/train"]["get"]["parameters"]
    assert [each["name"] for each in listed if "name" in each] == ["limit", "before"]
    job = document["components"]["schemas"]["JobAnswer"]["properties"]
    assert "lease" not in job
    assert sorted(job["status"]["enum"]) == [
        "cancelled",
        "failed",
        "queued",
        "running",
        "succeeded",
    ]
