"""Trainings as jobs: POST /train with ``Prefer: respond-async``, and the routes of jobs."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest

import buckets
import made as corpora
from clients import Client, Response
from ser.errors import Conflict, RemoteFailed, StorageFull
from ser.registry import new_model_id, open_registry
from ser.service.jobs.handover import run_waiting_jobs, worker_lock
from ser.service.jobs.job import LeaseLost
from ser.service.jobs.jobs import Jobs, open_jobs, utc_now
from ser.service.jobs.running import (
    HeldJob,
    cancel,
    end_if_exhausted,
    run_job,
)
from ser.service.jobs.trainings import (
    Trainings,
    complete_from_model,
    data_folder,
    find_model,
)
from ser.service.problems import TrainingLost
from ser.service.settings import Settings
from ser.service.training.request import TrainRequest, read_train_request
from ser.store import open_store
from ser.store._folder import FolderStore
from ser.store._s3 import S3Store

ASYNC = {"Prefer": "wait=5, Respond-Async;x=1"}
TIMEOUT_SECONDS = 300


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setenv("SER_JOBS_URI", "state")
    return open_jobs(Settings.from_environment(), Trainings())


@pytest.fixture
def body(train_body: dict[str, Any]) -> dict[str, Any]:
    """A request whose training takes little longer than its imports."""
    return train_body | {
        "model_config": {"n_estimators": 5},
        "dataset_feature_extract_methods": {"SpeakerAndGenderAndTextType": {}},
    }


def read(body: dict[str, Any]) -> TrainRequest:
    return read_train_request(body, Settings.from_environment())


@pytest.fixture
def forbidden(body: dict[str, Any], bounds: Path) -> TrainRequest:
    """A request that is no longer allowed: its job fails at once."""
    return msgspec.structs.replace(read(body), data_path=str(bounds.parent / "forbidden"))


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def wait_for_job(client: Client, response: Response) -> dict[str, Any]:
    """Wait until the job in ``Location`` of ``response`` has ended, and return it."""
    wait_until(lambda: client.get(response.headers["Location"]).json["ended_at"])
    job: dict[str, Any] = client.get(response.headers["Location"]).json
    return job


def test_the_result_of_a_job_is_the_answer_of_the_same_request(
    train: Client, body: dict[str, Any], jobs: Jobs
) -> None:
    response = train.post("/train", json=body | {"alias": "tried"}, headers=ASYNC)
    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "respond-async"
    assert int(response.headers["Retry-After"]) > 0
    assert response.json["status"] == "queued"
    job = wait_for_job(train, response)
    assert job["status"] == "succeeded", job["problem"]
    assert job["attempts"] == 1
    answer = train.post("/train", json=body).json
    differing = ("model_id", "seconds")
    assert job["result"].keys() == answer.keys()
    assert {k: v for k, v in job["result"].items() if k not in differing} == {
        k: v for k, v in answer.items() if k not in differing
    }
    registry = open_registry("model")
    assert list(registry.ids()) == [answer["model_id"], job["result"]["model_id"]]
    assert registry.aliases() == {"latest": answer["model_id"], "tried": job["job_id"]}


def test_an_invalid_request_is_refused_without_a_job(
    train: Client, body: dict[str, Any], jobs: Jobs
) -> None:
    for change in ({"model_type": "SVM"}, {"alias": "No Alias"}, {"alias": ""}):
        response = train.post("/train", json=body | change, headers=ASYNC)
        assert response.status_code == 422
        assert [error["loc"] for error in response.json["errors"]] == [list(change)]
    assert train.get("/train").json == {"jobs": []}


def test_without_a_location_for_jobs_the_request_is_answered_directly(
    train: Client, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SER_JOBS_URI", raising=False)
    response = train.post("/train", json=body | {"remote_url": "missing.zip"}, headers=ASYNC)
    assert response.status_code == 422  # from the training itself
    assert "Preference-Applied" not in response.headers
    for answer in (train.get("/train"), train.get("/train/x")):
        assert answer.status_code == 404
        assert "SER_JOBS_URI" in answer.json["detail"]
    # Not refused, because the event would be lost, and the setting can be fixed.
    event = train.post("/events", json={})
    assert event.status_code == 502
    assert "SER_JOBS_URI" in event.json["detail"]


def test_a_job_fails_with_the_problem_of_its_training(
    train: Client, body: dict[str, Any], jobs: Jobs, bounds: Path
) -> None:
    corpora.archive(bounds / "corpus.zip", {"letter.txt": b"no sounds"})
    job = wait_for_job(train, train.post("/train", json=body, headers=ASYNC))
    assert (job["status"], job["attempts"]) == ("failed", 1)
    assert job["problem"]["status"] == 422
    assert job["problem"]["errors"][0]["loc"] == ["remote_url"]
    assert not list(open_registry("model").ids())


def test_a_job_that_takes_too_long_fails_for_good(
    train: Client, body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_TRAIN_SECONDS", "0.001")
    job = wait_for_job(train, train.post("/train", json=body, headers=ASYNC))
    assert (job["status"], job["attempts"]) == ("failed", 1)
    assert "SER_MAX_TRAIN_SECONDS" in job["problem"]["detail"]
    assert not list(open_registry("model").ids())


def test_jobs_are_listed_in_pages_without_requests_and_results(
    train: Client, jobs: Jobs, forbidden: TrainRequest
) -> None:
    ids = [jobs.add(forbidden).job_id for _ in range(3)][::-1]
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


def test_a_cancelled_job_in_the_queue_is_never_run(
    train: Client, jobs: Jobs, forbidden: TrainRequest
) -> None:
    job = jobs.add(forbidden)
    for _ in range(2):
        response = train.delete(f"/train/{job.job_id}")
        assert (response.status_code, response.json["status"]) == (200, "cancelled")
    run_waiting_jobs(Settings.from_environment(), Trainings())
    assert jobs.read(job.job_id).attempts == 0


def test_a_job_removes_nothing_in_a_folder_that_is_no_longer_allowed(
    jobs: Jobs, forbidden: TrainRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    job_id = new_model_id()
    folder = tmp_path_factory.mktemp("outside") / data_folder(job_id)
    folder.mkdir()
    jobs.add(msgspec.structs.replace(forbidden, data_path=str(folder)), job_id=job_id)
    job = run_job(jobs, job_id, Settings.from_environment())
    assert job.status == "failed"
    assert job.problem is not None
    assert job.problem["errors"][0]["loc"] == ["data_path"]
    assert folder.exists()


def test_a_cancelled_job_ends_its_training_and_leaves_no_model(
    train: Client, body: dict[str, Any], jobs: Jobs
) -> None:
    slow = body | {"model_config": {"n_estimators": 10_000}, "evaluation": "loso"}
    response = train.post("/train", json=slow, headers=ASYNC)
    location = response.headers["Location"]
    wait_until(lambda: train.get(location).json["stage"] not in ("", "start"))
    assert train.delete(location).json["status"] == "cancelled"
    # The next job finds the slot free.
    after = wait_for_job(train, train.post("/train", json=body, headers=ASYNC))
    assert after["status"] == "succeeded"
    assert train.get(location).json["status"] == "cancelled"
    assert list(open_registry("model").ids()) == [after["job_id"]]
    assert train.delete(location.replace("/train/", "/train/x")).status_code == 404
    assert train.delete(f"/train/{after['job_id']}").status_code == 409


def test_a_worker_continues_a_job_whose_process_crashed(
    jobs: Jobs, forbidden: TrainRequest
) -> None:
    long_ago = replace(jobs, clock=lambda: utc_now() - timedelta(hours=1))
    job_id = jobs.add(forbidden).job_id
    _, lease = long_ago.take(job_id)
    assert lease is not None
    long_ago.begin(job_id, lease)
    run_waiting_jobs(Settings.from_environment(), Trainings())
    job = jobs.read(job_id)
    assert job.status == "failed"
    assert job.problem is not None
    assert job.problem["status"] == 422


def test_a_job_that_cannot_be_handed_over_is_cancelled(
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


def refusing(prefix: str, create: Callable[[S3Store, str, bytes], bool]) -> Any:
    """``create`` of a store that has no room for keys with this prefix."""

    def method(store: S3Store, key: str, data: bytes) -> bool:
        if key.startswith(prefix):
            raise StorageFull("there is no room left")
        return create(store, key, data)

    return method


def test_a_worker_waits_for_a_held_job_and_takes_it_over_when_the_lease_expires(
    jobs: Jobs, forbidden: TrainRequest
) -> None:
    job_id = jobs.add(forbidden).job_id
    nearly_over = replace(jobs, clock=lambda: utc_now() - timedelta(seconds=jobs.lease_seconds - 3))
    before = utc_now()
    _, lease = nearly_over.take(job_id)
    assert lease is not None
    assert jobs.read(job_id).is_held(before)
    run_waiting_jobs(Settings.from_environment(), Trainings())
    assert jobs.read(job_id).status == "failed"


def before_publishing(monkeypatch: pytest.MonkeyPatch, then: Callable[[str], object]) -> None:
    """Call ``then`` with the id of a job when its model is complete and not yet published."""
    begin_publishing = HeldJob.begin_publishing

    def method(held: HeldJob) -> None:
        then(held.job.job_id)
        begin_publishing(held)

    monkeypatch.setattr(HeldJob, "begin_publishing", method)


def test_a_job_cancelled_just_before_its_publication_publishes_nothing(
    body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = Settings.from_environment()
    before_publishing(monkeypatch, lambda job_id: cancel(jobs, job_id, configured))
    job_id = jobs.add(read(body)).job_id
    assert run_job(jobs, job_id, configured).status == "cancelled"
    assert open_store("model").names() == []


def test_a_job_cannot_be_cancelled_while_its_model_is_published(
    body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured, refusals = Settings.from_environment(), []
    begin_publishing = HeldJob.begin_publishing

    def method(held: HeldJob) -> None:
        begin_publishing(held)
        assert open_store("model").names() == []  # not permitted yet
        with pytest.raises(Conflict, match="is being published") as refusal:
            cancel(jobs, held.job.job_id, configured)
        refusals.append(refusal)

    monkeypatch.setattr(HeldJob, "begin_publishing", method)
    job = run_job(jobs, jobs.add(read(body)).job_id, configured)
    assert (job.status, len(refusals)) == ("succeeded", 1)


def refuse_storage(*_: object) -> None:
    raise StorageFull("there is no room left")


@pytest.fixture
def published_job(body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of a job whose model was published, and whose state could not be stored after that."""
    job_id = jobs.add(read(body | {"alias": "night"})).job_id
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "succeed", refuse_storage)
        with pytest.raises(StorageFull):
            run_job(jobs, job_id, Settings.from_environment())
    return job_id


def test_looking_for_the_model_of_a_job_changes_nothing_and_completing_the_job_does(
    jobs: Jobs, published_job: str
) -> None:
    shutil.rmtree("model/aliases")  # as if the process had crashed before it moved them
    configured, registry = Settings.from_environment(), open_registry("model")
    job = jobs.read(published_job)
    model = find_model(job, configured)
    assert model is not None
    assert (model.model_id, registry.aliases()) == (job.job_id, {})
    assert jobs.read(job.job_id) == job
    completed = jobs.succeed(job.job_id, complete_from_model(job, model, configured), None)
    assert completed == jobs.read(job.job_id)
    assert completed.status == "succeeded"
    assert completed.result is not None
    assert completed.result["model_id"] == job.job_id
    assert registry.aliases() == {"latest": job.job_id, "night": job.job_id}


def test_a_job_without_a_model_has_none_to_be_completed_from(
    jobs: Jobs, body: dict[str, Any]
) -> None:
    assert find_model(jobs.add(read(body)), Settings.from_environment()) is None


def test_a_cancellation_after_a_crash_completes_the_job_from_its_published_model(
    jobs: Jobs, published_job: str
) -> None:
    configured, job_id = Settings.from_environment(), published_job
    later = replace(jobs, clock=lambda: utc_now() + timedelta(hours=1))
    with pytest.raises(Conflict, match="has succeeded already"):
        cancel(later, job_id, configured)
    assert jobs.read(job_id).status == "succeeded"


def test_a_holder_stops_when_its_lease_has_expired_without_a_renewal(
    jobs: Jobs, forbidden: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = jobs.add(forbidden).job_id
    _, lease = jobs.take(job_id)
    assert lease is not None
    now = [1000.0]
    monkeypatch.setattr("ser.service.jobs.running.time.monotonic", lambda: now[0])
    held = HeldJob(jobs, jobs.begin(job_id, lease))
    monkeypatch.setattr(FolderStore, "replace", refuse_storage)
    now[0] += jobs.lease_seconds - 1
    held.renew_if_due()
    now[0] += 1.5
    with pytest.raises(LeaseLost):
        held.renew_if_due()


def test_a_training_that_is_lost_alike_twice_is_not_tried_a_third_time(
    body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured = Settings.from_environment()

    def kill(_job_id: str) -> None:
        tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
        children = {int(pid) for task in tasks for pid in task.read_text().split()}
        # Earlier tests of this process may have started helpers of joblib.
        (child,) = (
            pid for pid in children if b"training" in Path(f"/proc/{pid}/cmdline").read_bytes()
        )
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{child}/cmdline").read_bytes())

    before_publishing(monkeypatch, kill)
    job_id = jobs.add(read(body)).job_id
    with pytest.raises(TrainingLost, match="signal 9 in step"):
        run_job(jobs, job_id, configured)
    assert (jobs.read(job_id).status, jobs.read(job_id).attempts) == ("running", 1)
    with pytest.raises(TrainingLost):
        run_job(jobs, job_id, configured)
    job = run_job(jobs, job_id, configured)
    assert (job.status, job.attempts) == ("failed", 2)
    assert job.problem is not None
    assert "signal 9 in step" in job.problem["detail"]
    assert "ended alike" in job.problem["detail"]
    assert open_store("model").names() == []


def test_a_job_without_attempts_left_has_failed_when_a_client_asks_for_it(
    train: Client, body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_ATTEMPTS", "1")
    long_ago = replace(jobs, clock=lambda: utc_now() - timedelta(hours=1))
    job_id = jobs.add(read(body)).job_id
    _, lease = long_ago.take(job_id)
    assert lease is not None
    long_ago.begin(job_id, lease)
    assert jobs.read(job_id).status == "running"
    job = train.get(f"/train/{job_id}").json
    assert (job["status"], job["attempts"]) == ("failed", 1)
    assert "no result after 1 attempt:" in job["problem"]["detail"]


@pytest.mark.parametrize("state", ["queued", "waiting for another attempt", "held"])
def test_a_job_with_attempts_left_is_not_ended_by_a_request_for_it(
    state: str, jobs: Jobs, forbidden: TrainRequest
) -> None:
    job_id = jobs.add(forbidden).job_id
    if state != "queued":
        _, lease = jobs.take(job_id)
        assert lease is not None
        jobs.begin(job_id, lease)
        if state != "held":
            jobs.fail(job_id, lease, RemoteFailed("no answer"))
    before = jobs.read(job_id)
    end_if_exhausted(jobs, job_id, Settings.from_environment())
    assert jobs.read(job_id) == before


def store_old_job(jobs: Jobs, body: dict[str, Any]) -> str:
    """Store a queued job as an earlier version did, with the body of its request; return its id."""
    job_id = new_model_id()
    document = {
        "job_id": job_id,
        "status": "queued",
        "stage": "",
        "progress": 0.0,
        "attempts": 0,
        "created_at": "2026-11-22T12:00:00Z",
        "begun_at": None,
        "ended_at": None,
        "lease": None,
        "trigger": None,
        "request": body,
        "result": None,
        "problem": None,
    }
    jobs.store.create(f"jobs/{job_id}.json", msgspec.json.encode(document))
    return job_id


def test_a_job_of_an_earlier_version_is_still_run(
    train: Client, body: dict[str, Any], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    dialect = body | {
        "model_config": '{"n_estimators": "5"}',
        "dataset_force": "true",
        "dataset_augmentation": "{}",
    }
    del dialect["model_save_path"]
    job_id = store_old_job(jobs, dialect)
    (listed,) = train.get("/train").json["jobs"]
    assert (listed["job_id"], listed["status"]) == (job_id, "queued")
    run_waiting_jobs(Settings.from_environment(), Trainings())
    job = train.get(f"/train/{job_id}").json
    assert job["status"] == "succeeded", job["problem"]
    assert job["request"] == dialect
    assert open_registry("model").model("latest").model_id == job_id


def test_a_job_of_an_earlier_version_whose_request_no_longer_fits_fails(
    train: Client, body: dict[str, Any], jobs: Jobs
) -> None:
    job_id = store_old_job(jobs, body | {"model_type": "SVM"})
    run_waiting_jobs(Settings.from_environment(), Trainings())
    job = train.get(f"/train/{job_id}").json
    assert (job["status"], job["attempts"]) == ("failed", 1)
    assert [error["loc"] for error in job["problem"]["errors"]] == [["model_type"]]


def test_a_job_runs_the_request_as_it_was_when_the_client_sent_it(
    body: dict[str, Any], jobs: Jobs, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A setting or a working directory that changes later does not move its locations.
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    del body["model_save_path"]
    job_id = jobs.add(read(body)).job_id
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "other")
    assert run_job(jobs, job_id, Settings.from_environment()).is_ended
    assert list(open_registry(bounds / "model").ids()) == [job_id]


def test_a_second_worker_leaves_the_jobs_to_the_first(jobs: Jobs, forbidden: TrainRequest) -> None:
    job_id = jobs.add(forbidden).job_id
    with worker_lock(Path("state"), "train") as acquired:
        assert acquired
        run_waiting_jobs(Settings.from_environment(), Trainings())
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
def test_a_job_shows_no_secrets_of_its_url(
    train: Client, jobs: Jobs, forbidden: TrainRequest, url: str
) -> None:
    job = jobs.add(msgspec.structs.replace(forbidden, remote_url=url))
    text = train.get(f"/train/{job.job_id}").text
    assert "example.com" in text
    assert "1a2b3c" not in text


def test_a_job_in_a_bucket_is_run_by_the_event_of_its_request(
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
        # The documents of jobs start no training.
        record["key"] = f"state/jobs/{job_id}.train.json"
        assert train.post("/events", json=event).json["jobs"] == []
    assert list(open_registry("model").ids()) == [job_id]


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
