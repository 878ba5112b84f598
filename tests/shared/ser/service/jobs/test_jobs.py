"""What jobs in a store promise, whatever the store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.errors import Busy, Conflict, InvalidInput, NotFound, RemoteFailed, SerError
from ser.service import problems
from ser.service.jobs.job import PUBLISHING, Job, Lease
from ser.service.jobs.jobs import Jobs, LeaseLost
from ser.store import Stored

BODY = {"remote_url": "corpus.zip"}


class Clock(Protocol):
    def advance(self, seconds: float) -> None: ...


def taken(jobs: Jobs, job: Job) -> Lease:
    """A lease of ``job``, whose attempt has begun."""
    _, lease = jobs.take(job.job_id)
    assert lease is not None
    begun = jobs.begin(job.job_id, lease).lease
    assert begun is not None
    return begun


def test_a_job_is_read_as_it_was_added(jobs: Jobs) -> None:
    job = jobs.add(BODY, trigger={"uri": "s3://bucket/key"})
    assert jobs.read(job.job_id) == job
    assert (job.status, job.attempts, job.request) == ("queued", 0, BODY)


def test_an_object_has_one_job_whoever_asks_and_whenever(jobs: Jobs) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: jobs.claim("0f" * 32), range(16)))
    assert len(ids) == 1
    assert jobs.claim("0f" * 32) in ids
    assert jobs.claim("1f" * 32) not in ids


def test_a_job_that_is_there_is_not_made_again(jobs: Jobs) -> None:
    job = jobs.add(BODY)
    assert jobs.add({}, job_id=job.job_id, refusal=InvalidInput("no")) == job


def test_of_many_takers_one_has_the_lease(jobs: Jobs) -> None:
    job_id = jobs.add(BODY).job_id
    with ThreadPoolExecutor(8) as pool:
        leases = [lease for _, lease in pool.map(jobs.take, [job_id] * 16)]
    assert sum(lease is not None for lease in leases) == 1


def test_a_lease_that_is_renewed_is_never_lost_and_one_that_is_not_is(
    jobs: Jobs, clock: Clock
) -> None:
    job = jobs.add(BODY)
    lease = taken(jobs, job)
    for _ in range(3):
        clock.advance(29)
        assert jobs.take(job.job_id)[1] is None
        jobs.keep(job.job_id, lease, "features", 0.5)
    assert (jobs.read(job.job_id).stage, jobs.read(job.job_id).progress) == ("features", 0.5)
    clock.advance(30)
    taken(jobs, job)
    assert jobs.read(job.job_id).attempts == 2
    with pytest.raises(LeaseLost):
        jobs.keep(job.job_id, lease, "fit", 0.5)
    assert jobs.fail(job.job_id, lease, InvalidInput("late")).status == "running"


def test_a_job_is_given_up_after_as_many_crashes_as_allowed(jobs: Jobs, clock: Clock) -> None:
    job = jobs.add(BODY)
    for _ in range(3):
        taken(jobs, job)
        clock.advance(31)
    _, lease = jobs.take(job.job_id)
    assert lease is not None
    with pytest.raises(SerError, match="3 attempts") as fault:
        jobs.begin(job.job_id, lease)
    ended = jobs.fail(job.job_id, lease, fault.value)
    assert (ended.status, ended.attempts) == ("failed", 3)
    assert ended.problem is not None
    assert "3 attempts" in ended.problem["detail"]


def test_a_passing_fault_lets_the_next_one_begin_at_once_until_the_last_attempt(
    jobs: Jobs,
) -> None:
    job = jobs.add(BODY)
    fault = RemoteFailed("no answer")
    for _ in range(2):
        waiting = jobs.fail(job.job_id, taken(jobs, job), fault)
        assert (waiting.status, waiting.problem) == ("running", problems.document(fault))
    assert jobs.fail(job.job_id, taken(jobs, job), fault).status == "failed"


def test_whoever_has_lost_the_lease_does_not_end_the_job_of_another(
    jobs: Jobs, clock: Clock
) -> None:
    job = jobs.add(BODY)
    lost = taken(jobs, job)
    clock.advance(31)
    taken(jobs, job)
    with pytest.raises(LeaseLost):
        jobs.succeed(job.job_id, {}, lost)
    assert jobs.read(job.job_id).status == "running"


def test_a_job_that_others_were_in_the_way_of_is_still_given_up_after_its_crashes(
    jobs: Jobs, clock: Clock
) -> None:
    job = jobs.add(BODY)
    _, lease = jobs.take(job.job_id)
    assert lease is not None
    jobs.release(job, lease, Busy("others are at work"))
    for _ in range(3):
        taken(jobs, job)
        clock.advance(31)
    _, lease = jobs.take(job.job_id)
    assert lease is not None
    with pytest.raises(SerError, match="3 attempts"):
        jobs.begin(job.job_id, lease)


def test_a_lease_that_a_wrong_clock_gave_for_years_holds_nobody_up(
    jobs: Jobs, clock: Clock
) -> None:
    job = jobs.add(BODY)
    clock.advance(3e7)
    taken(jobs, job)
    clock.advance(-3e7)
    taken(jobs, job)


def test_a_permanent_fault_ends_a_job_at_once(jobs: Jobs) -> None:
    job = jobs.add(BODY)
    ended = jobs.fail(job.job_id, taken(jobs, job), InvalidInput("no sounds"))
    assert (ended.status, ended.attempts) == ("failed", 1)
    assert jobs.take(job.job_id)[1] is None


def test_a_cancelled_job_is_lost_to_its_holder_and_stays_cancelled(jobs: Jobs) -> None:
    job = jobs.add(BODY)
    lease = taken(jobs, job)
    assert jobs.cancel(job.job_id).status == "cancelled"
    with pytest.raises(LeaseLost):
        jobs.keep(job.job_id, lease, "fit", 0.5)
    assert jobs.succeed(job.job_id, {}, lease).status == "cancelled"
    assert jobs.cancel(job.job_id).status == "cancelled"


def test_a_job_whose_model_is_about_to_be_there_is_not_cancelled(jobs: Jobs) -> None:
    job = jobs.add(BODY)
    lease = taken(jobs, job)
    jobs.keep(job.job_id, lease, PUBLISHING, 0.0)
    with pytest.raises(Conflict, match="is being published"):
        jobs.cancel(job.job_id)
    # The store failed: then nothing is there, and the next attempt is as any other.
    jobs.fail(job.job_id, lease, RemoteFailed("no answer"))
    assert jobs.cancel(job.job_id).status == "cancelled"


def test_what_has_ended_is_not_cancelled(jobs: Jobs) -> None:
    job = jobs.succeed(jobs.add(BODY).job_id, {"model_id": "some"}, None)
    with pytest.raises(Conflict, match="succeeded"):
        jobs.cancel(job.job_id)


def test_jobs_are_listed_newest_first_and_in_pages(jobs: Jobs) -> None:
    ids = [jobs.add(BODY).job_id for _ in range(5)]
    assert [job.job_id for job in jobs.newest()] == ids[::-1]
    pages = [jobs.newest(limit=2), jobs.newest(limit=2, before=ids[3]), jobs.newest(before=ids[1])]
    assert [[job.job_id for job in page] for page in pages] == [ids[:2:-1], ids[2:0:-1], ids[:1]]


@pytest.mark.parametrize("job_id", ["20261122T143105Z-1a2b3c4d", "../claims", "", "x" * 5000])
def test_a_job_that_is_not_there_is_not_found(jobs: Jobs, job_id: str) -> None:
    with pytest.raises(NotFound):
        jobs.read(job_id)
    with pytest.raises(NotFound):
        jobs.cancel(job_id)


def test_a_damaged_job_is_named(jobs: Jobs) -> None:
    job = jobs.add(BODY)
    jobs.store.delete(f"jobs/{job.job_id}.json")
    jobs.store.create(f"jobs/{job.job_id}.json", b"{")
    with pytest.raises(Conflict, match=job.job_id):
        jobs.read(job.job_id)


class Memory:
    """The part of a store that jobs use, for one thread."""

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


ORDER = {"queued": 0, "running": 1, "succeeded": 2, "failed": 2, "cancelled": 2}


@given(st.lists(st.sampled_from(["take", "keep", "pass", "fail", "win", "end", "wait"])))
def test_a_job_never_goes_back_whatever_happens_to_it(steps: list[str]) -> None:
    now = [datetime(2026, 11, 22, tzinfo=UTC)]
    store: Any = Memory()
    jobs = Jobs(store, lease_seconds=30, max_attempts=2, clock=lambda: now[0])
    job = jobs.add(BODY)
    job_id, lease = job.job_id, Lease("nobody", now[0])
    does: dict[str, Callable[[], object]] = {
        "keep": lambda: jobs.keep(job_id, lease, "fit", 0.5),
        "pass": lambda: jobs.fail(job_id, lease, RemoteFailed("passing")),
        "fail": lambda: jobs.fail(job_id, lease, InvalidInput("permanent")),
        "win": lambda: jobs.succeed(job_id, {}, lease),
        "end": lambda: jobs.cancel(job_id),
    }
    for step in steps:
        try:
            if step == "take" and (found := jobs.take(job_id)[1]):
                lease = found
                jobs.begin(job_id, lease)
            elif step == "wait":
                now[0] += timedelta(seconds=31)
            elif step != "take":
                does[step]()
        except (LeaseLost, SerError):
            pass
        after = jobs.read(job_id)
        assert ORDER[after.status] >= ORDER[job.status]
        assert after == job or not job.is_ended
        assert after.attempts <= 2
        job = after
