"""The guarantees of jobs, in a folder and in a bucket."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.errors import Busy, Conflict, InvalidInput, NotFound, RemoteFailed, SerError
from ser.registry import new_model_id
from ser.service import problems
from ser.service.jobs.job import PUBLISHING, Job, Lease, LeaseLost
from ser.service.jobs.jobs import Jobs
from ser.service.jobs.trainings import Trainings
from ser.service.problems import TrainingLost
from ser.service.settings import Settings
from ser.service.training.request import TrainRequest, read_train_request
from ser.store import Stored

BODY: dict[str, Any] = {
    "data_path": "data",
    "remote_url": "https://example.com/corpus.zip",
    "model_save_path": "model",
    "model_type": "RandomForestClassifier",
}
"""A request as a client sends it, and as an earlier version stored it."""
REQUEST = TrainRequest(**BODY)


class Clock(Protocol):
    def advance(self, seconds: float) -> None: ...


def begin_attempt(jobs: Jobs, job: Job) -> Lease:
    """Take ``job``, begin an attempt, and return the lease."""
    _, lease = jobs.take(job.job_id)
    assert lease is not None
    begun = jobs.begin(job.job_id, lease).lease
    assert begun is not None
    return begun


def test_a_job_is_read_as_it_was_added(jobs: Jobs) -> None:
    trigger = {"uri": "s3://bucket/key", "bucket": "bucket", "key": "key"}
    job = jobs.add(REQUEST, trigger=trigger | {"version": "", "etag": "0f"})
    assert jobs.read(job.job_id) == job
    assert (job.status, job.attempts, job.request) == ("queued", 0, REQUEST)


def test_every_claim_of_an_object_returns_the_same_job(jobs: Jobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: jobs.claim("0f" * 32), range(16)))
    assert len(ids) == 1
    assert jobs.claim("0f" * 32) in ids
    assert jobs.claim("1f" * 32) not in ids


def test_adding_a_job_that_exists_leaves_it_unchanged(jobs: Jobs) -> None:
    job = jobs.add(REQUEST)
    assert jobs.add(None, job_id=job.job_id, refusal=InvalidInput("no")) == job


def test_only_one_of_many_simultaneous_callers_gets_the_lease(jobs: Jobs) -> None:
    job_id = jobs.add(REQUEST).job_id
    with ThreadPoolExecutor(8) as pool:
        leases = [lease for _, lease in pool.map(jobs.take, [job_id] * 16)]
    assert sum(lease is not None for lease in leases) == 1


def test_a_lease_lasts_while_it_is_renewed_and_no_longer(jobs: Jobs, clock: Clock) -> None:
    job = jobs.add(REQUEST)
    lease = begin_attempt(jobs, job)
    for _ in range(3):
        clock.advance(29)
        assert jobs.take(job.job_id)[1] is None
        jobs.renew(job.job_id, lease, "features", 0.5)
    assert (jobs.read(job.job_id).stage, jobs.read(job.job_id).progress) == ("features", 0.5)
    clock.advance(30)
    begin_attempt(jobs, job)
    assert jobs.read(job.job_id).attempts == 2
    with pytest.raises(LeaseLost):
        jobs.renew(job.job_id, lease, "fit", 0.5)
    assert jobs.fail(job.job_id, lease, InvalidInput("late")).status == "running"


def test_a_job_fails_after_the_allowed_number_of_crashes(jobs: Jobs, clock: Clock) -> None:
    job = jobs.add(REQUEST)
    for _ in range(3):
        begin_attempt(jobs, job)
        clock.advance(31)
    _, lease = jobs.take(job.job_id)
    assert lease is not None
    with pytest.raises(SerError, match="3 attempts") as raised:
        jobs.begin(job.job_id, lease)
    ended = jobs.fail(job.job_id, lease, raised.value)
    assert (ended.status, ended.attempts) == ("failed", 3)
    assert ended.problem is not None
    assert "3 attempts" in ended.problem["detail"]


def test_a_transient_error_allows_another_attempt_at_once_unless_it_was_the_last(
    jobs: Jobs,
) -> None:
    job = jobs.add(REQUEST)
    error = RemoteFailed("no answer")
    for _ in range(2):
        waiting = jobs.fail(job.job_id, begin_attempt(jobs, job), error)
        assert (waiting.status, waiting.problem) == ("running", problems.document(error))
    assert jobs.fail(job.job_id, begin_attempt(jobs, job), error).status == "failed"


def test_a_training_that_crashes_alike_twice_is_not_tried_a_third_time(jobs: Jobs) -> None:
    job = jobs.add(REQUEST)
    crash = TrainingLost("killed by signal 11", crash="code -11 in step 'features'")
    assert jobs.fail(job.job_id, begin_attempt(jobs, job), crash).status == "running"
    # An error of another kind between both does not make them different.
    lease = begin_attempt(jobs, job)
    jobs.release(jobs.read(job.job_id), lease, Busy("the corpus is locked"))
    ended = jobs.fail(job.job_id, begin_attempt(jobs, job), crash)
    assert ended.status == "failed"
    assert ended.problem is not None
    assert "killed by signal 11 An earlier attempt ended alike" in ended.problem["detail"]


def test_other_crashes_and_ended_processes_are_tried_again(jobs: Jobs) -> None:
    job = jobs.add(REQUEST)
    for crash in ("code -11 in step 'features'", "code -11 in step 'fit'"):
        lease = begin_attempt(jobs, job)
        assert jobs.fail(job.job_id, lease, TrainingLost("lost", crash)).status == "running"
    other = jobs.add(REQUEST)
    for _ in range(2):
        lease = begin_attempt(jobs, other)
        assert jobs.fail(other.job_id, lease, TrainingLost("stopped")).status == "running"


def test_a_holder_that_has_lost_its_lease_cannot_end_the_job(jobs: Jobs, clock: Clock) -> None:
    job = jobs.add(REQUEST)
    lost = begin_attempt(jobs, job)
    clock.advance(31)
    begin_attempt(jobs, job)
    with pytest.raises(LeaseLost):
        jobs.succeed(job.job_id, {}, lost)
    assert jobs.read(job.job_id).status == "running"


def test_a_released_job_still_fails_after_the_allowed_number_of_crashes(
    jobs: Jobs, clock: Clock
) -> None:
    job = jobs.add(REQUEST)
    _, lease = jobs.take(job.job_id)
    assert lease is not None
    jobs.release(job, lease, Busy("the corpus is locked"))
    for _ in range(3):
        begin_attempt(jobs, job)
        clock.advance(31)
    _, lease = jobs.take(job.job_id)
    assert lease is not None
    with pytest.raises(SerError, match="3 attempts"):
        jobs.begin(job.job_id, lease)


def test_a_lease_of_years_from_a_wrong_clock_does_not_block_the_job(
    jobs: Jobs, clock: Clock
) -> None:
    job = jobs.add(REQUEST)
    clock.advance(3e7)
    begin_attempt(jobs, job)
    clock.advance(-3e7)
    begin_attempt(jobs, job)


def test_a_permanent_error_ends_a_job_at_once(jobs: Jobs) -> None:
    job = jobs.add(REQUEST)
    ended = jobs.fail(job.job_id, begin_attempt(jobs, job), InvalidInput("no sounds"))
    assert (ended.status, ended.attempts) == ("failed", 1)
    assert jobs.take(job.job_id)[1] is None


def test_the_holder_of_a_cancelled_job_can_neither_renew_nor_complete_it(jobs: Jobs) -> None:
    job = jobs.add(REQUEST)
    lease = begin_attempt(jobs, job)
    assert jobs.cancel(job.job_id).status == "cancelled"
    with pytest.raises(LeaseLost):
        jobs.renew(job.job_id, lease, "fit", 0.5)
    assert jobs.succeed(job.job_id, {}, lease).status == "cancelled"
    assert jobs.cancel(job.job_id).status == "cancelled"


def test_a_job_cannot_be_cancelled_while_its_model_is_published(jobs: Jobs) -> None:
    job = jobs.add(REQUEST)
    lease = begin_attempt(jobs, job)
    jobs.renew(job.job_id, lease, PUBLISHING, 0.0)
    with pytest.raises(Conflict, match="is being published"):
        jobs.cancel(job.job_id)
    # The store failed, so nothing was published.
    jobs.fail(job.job_id, lease, RemoteFailed("no answer"))
    assert jobs.cancel(job.job_id).status == "cancelled"


def test_a_job_that_has_succeeded_cannot_be_cancelled(jobs: Jobs) -> None:
    job = jobs.succeed(jobs.add(REQUEST).job_id, {"model_id": "some"}, None)
    with pytest.raises(Conflict, match="succeeded"):
        jobs.cancel(job.job_id)


def test_jobs_are_listed_in_pages_newest_first(jobs: Jobs) -> None:
    ids = [jobs.add(REQUEST).job_id for _ in range(5)]
    assert [job.job_id for job in jobs.newest()] == ids[::-1]
    pages = [jobs.newest(limit=2), jobs.newest(limit=2, before=ids[3]), jobs.newest(before=ids[1])]
    assert [[job.job_id for job in page] for page in pages] == [ids[:2:-1], ids[2:0:-1], ids[:1]]


@pytest.mark.parametrize("job_id", ["20261122T143105Z-1a2b3c4d", "../claims", "", "x" * 5000])
def test_an_unknown_job_is_not_found(jobs: Jobs, job_id: str) -> None:
    with pytest.raises(NotFound):
        jobs.read(job_id)
    with pytest.raises(NotFound):
        jobs.cancel(job_id)


def test_the_error_of_a_damaged_job_names_the_job(jobs: Jobs) -> None:
    job = jobs.add(REQUEST)
    jobs.store.delete(f"jobs/{job.job_id}.json")
    jobs.store.create(f"jobs/{job.job_id}.json", b"{")
    with pytest.raises(Conflict, match=job.job_id):
        jobs.read(job.job_id)


class Memory:
    """A store in memory, as far as jobs use it, for one thread."""

    uri = "memory"

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def read(self, key: str) -> Stored | None:
        return Stored(self.kept[key], "") if key in self.kept else None

    def create(self, key: str, data: bytes) -> bool:
        return self.kept.setdefault(key, data) is data

    def replace(self, key: str, old: Stored, data: bytes) -> bool:
        self.kept[key] = data
        return True


def test_every_field_of_a_request_comes_back_from_the_store_as_it_was_read(
    jobs: Jobs, bounds: Path
) -> None:
    body = BODY | {
        "corpus": '{"label": "folder", "speaker_pattern": "(spk[0-9]+)/"}',
        "dataset_force": "true",
        "dataset_load_split_at": "1500",
        "dataset_augmentation": {"Noise": {"copies": "2"}},
        "dataset_feature_extract_methods": '{"Functionals": {}, "MFCC": {"num_cepstral": "5"}}',
        "model_config": '{"n_estimators": "10"}',
        "alias": "night",
    }
    request = read_train_request(body, Settings(allowed_paths=(bounds,)))
    job_id = jobs.add(request).job_id
    jobs.take(job_id)
    stored = jobs.read(job_id).request
    assert stored is not None
    assert stored == request
    assert type(stored.corpus) is type(request.corpus)
    assert list(stored.dataset_feature_extract_methods) == ["Functionals", "MFCC"]


def test_a_list_of_sources_comes_back_from_the_store_and_shows_no_secrets(
    jobs: Jobs, bounds: Path
) -> None:
    second = {"remote_url": "https://host/b.zip?token=secret", "corpus": {"label": "folder"}}
    body = BODY | {
        "remote_url": ["https://host/a.zip?token=secret", second | {"labels": {"rage": None}}],
        "labels": "common",
    }
    request = read_train_request(body, Settings(allowed_paths=(bounds,)))
    job = jobs.add(request)
    assert jobs.read(job.job_id).request == request
    shown = jobs.answer(job)["request"]["remote_url"]
    assert [source["remote_url"] for source in shown] == [
        *("https://host/a.zip?...", "https://host/b.zip?..."),
    ]
    assert shown[1]["labels"] == {"rage": None}


def store_document(jobs: Jobs, **fields: object) -> str:
    """Store the document of a queued job as an earlier version wrote it; return its id."""
    job_id = new_model_id()
    created = {"job_id": job_id, "created_at": "2026-11-22T12:00:00Z", **fields}
    jobs.store.create(f"jobs/{job_id}.json", msgspec.json.encode(created))
    return job_id


def test_a_job_of_an_earlier_version_keeps_its_body_through_every_change(jobs: Jobs) -> None:
    body = BODY | {"model_type": "SVM", "dataset_force": "true"}
    job_id = store_document(jobs, request=body)
    for _ in range(2):
        lease = begin_attempt(jobs, jobs.read(job_id))
        job = jobs.fail(job_id, lease, RemoteFailed("no answer"))
        assert (job.request, job.unread_request) == (None, body)
        assert jobs.read(job_id) == job
        assert job.answer()["request"] == body


def test_a_body_of_an_earlier_version_is_not_mistaken_for_a_complete_request(jobs: Jobs) -> None:
    # It fits as it is, but its omitted fields mean the defaults of its model type.
    job = jobs.read(store_document(jobs, request=BODY))
    assert (job.request, job.unread_request) == (None, BODY)


def test_a_request_of_a_later_version_is_kept_unread(jobs: Jobs) -> None:
    later = msgspec.to_builtins(REQUEST) | {"field_of_a_later_version": "light"}
    job = jobs.read(store_document(jobs, request=later, unread_request=None))
    assert (job.request, job.unread_request) == (None, later)


def test_clients_see_the_request_without_the_fields_of_the_store(jobs: Jobs) -> None:
    answer = jobs.answer(jobs.add(REQUEST))
    assert answer["request"]["remote_url"] == BODY["remote_url"]
    assert not {"lease", "unread_request"} & answer.keys()
    assert jobs.add(None, refusal=InvalidInput("no")).answer()["request"] == {}


ORDER = {"queued": 0, "running": 1, "succeeded": 2, "failed": 2, "cancelled": 2}


@given(st.lists(st.sampled_from(["take", "renew", "retry", "fail", "succeed", "cancel", "wait"])))
def test_no_sequence_of_changes_leads_a_job_back_to_an_earlier_state(steps: list[str]) -> None:
    now = [datetime(2026, 11, 22, tzinfo=UTC)]
    store: Any = Memory()
    jobs = Jobs(store, Trainings(), lease_seconds=30, max_attempts=2, clock=lambda: now[0])
    job = jobs.add(REQUEST)
    job_id, lease = job.job_id, Lease("no holder", now[0])
    actions: dict[str, Callable[[], object]] = {
        "renew": lambda: jobs.renew(job_id, lease, "fit", 0.5),
        "retry": lambda: jobs.fail(job_id, lease, RemoteFailed("transient")),
        "fail": lambda: jobs.fail(job_id, lease, InvalidInput("permanent")),
        "succeed": lambda: jobs.succeed(job_id, {}, lease),
        "cancel": lambda: jobs.cancel(job_id),
    }
    for step in steps:
        try:
            if step == "take" and (found := jobs.take(job_id)[1]):
                lease = found
                jobs.begin(job_id, lease)
            elif step == "wait":
                now[0] += timedelta(seconds=31)
            elif step != "take":
                actions[step]()
        except (LeaseLost, SerError):
            pass
        after = jobs.read(job_id)
        assert ORDER[after.status] >= ORDER[job.status]
        assert after == job or not job.is_ended
        assert after.attempts <= 2
        job = after
