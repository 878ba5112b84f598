"""The jobs in a store. Each change replaces exactly the state that was read."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from ser.errors import Busy, Conflict, NotFound, RemoteFailed, SerError
from ser.registry import MODEL_ID, encode, new_model_id
from ser.service import problems
from ser.service.callers import ANYONE, Caller
from ser.service.jobs.documents import REFUSALS, Claim, decode_claim, decode_document
from ser.service.jobs.job import (
    PUBLISHING,
    Job,
    Lease,
    crash_of,
    decode_job,
    exhaustion_error,
)
from ser.service.jobs.work import Work
from ser.service.problems import QuotaReached, TrainingLost
from ser.service.quotas import Slot, take_slot
from ser.service.settings import Settings
from ser.store import Store, Stored, open_store

log = logging.getLogger("ser")

MAX_LOST_RACES = 64
"""Largest number of attempts at a change when other changes come first."""

T = TypeVar("T")


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def as_transient() -> Iterator[None]:
    """Raise errors of the job store as transient ones: the client's request is not at fault, and
    the operator can fix the store before a later attempt."""
    try:
        yield
    except QuotaReached:
        raise
    except SerError as error:
        if problems.status_of(error) >= 500:
            raise
        raise RemoteFailed(f"The jobs cannot be stored: {error.detail}") from error


@dataclass(frozen=True)
class Jobs:
    """The jobs of one kind of work in a store, shared by any number of processes and machines.

    Every change is a compare-and-swap. If the store has no conditional replacement (OpenStack
    Swift), one of two simultaneous changes may be lost: two processes may train for one job, a
    cancellation may have no effect, and one object may get two jobs and two models. Leases compare
    the clocks of the machines, which must agree to a few seconds.

    Besides the errors listed, every method raises a :class:`~ser.errors.SerError` with a status of
    500 or above when the store fails.

    Parameters
    ----------
    work
        The kind of work.
    lease_seconds
        Seconds for which a holder keeps a job without renewing its lease.
    max_attempts
        Largest number of attempts of a job, after which it fails.
    clock
        Returns the current time, with its time zone.
    viewer
        The caller who sees these jobs; those of others do not exist for it.
    owner
        The owner of jobs that are added, in whose quota they count.
    """

    store: Store
    work: Work
    lease_seconds: float
    max_attempts: int
    clock: Callable[[], datetime] = utc_now
    viewer: Caller = ANYONE
    owner: Caller = ANYONE

    def owned_by(self, caller: Caller) -> Jobs:
        """Return all these jobs, with ``caller`` as the owner of those that are added."""
        return dataclasses.replace(self, owner=caller)

    def claim(self, identity: str) -> str:
        """Return the id of the job of the object with this ``identity``: always the same one.

        The claim is stored before the job, so that a crash in between leads to no second job.
        """
        key = f"claims/{identity}.json"
        with as_transient():
            while (stored := self.store.read(key)) is None:
                self.store.create(key, encode(Claim(new_model_id())))
        return decode_document(stored, decode_claim, key).job_id

    def add(
        self,
        request: Any,
        *,
        job_id: str | None = None,
        trigger: dict[str, str] | None = None,
        refusal: SerError | None = None,
    ) -> Job:
        """Add a job and return it: queued, or already failed because of ``refusal``. A job
        ``job_id`` that exists stays unchanged and is returned.

        Raises
        ------
        QuotaReached
            The owner has as many unfinished jobs as its quota.
        """
        now = self.clock()
        job_id = job_id or new_model_id()
        owner = self.owner.name
        job = Job(job_id=job_id, request=request, trigger=trigger, created_at=now, owner=owner)
        if refusal:
            job = self._ended(job.as_failed(problems.document(refusal), now))
        with as_transient():
            if self.owner.max_jobs is not None and not refusal:
                take_slot(self, self.owner, Slot(job_id=job_id, taken_at=now))
            if owner is not None:
                # Before the job, so that a crash in between hides none from its owner.
                self.store.create(f"{self._folder_of(owner)}/{job_id}.json", b"{}")
            created = self.store.create(self._key(job_id), encode(job))
        return job if created else self.read(job_id)

    def holds(self, job_id: str) -> bool:
        """Return whether a job with this id exists."""
        with as_transient():
            return bool(MODEL_ID.fullmatch(job_id)) and self.store.holds(self._key(job_id))

    def read(self, job_id: str) -> Job:
        """Return the current state of a job.

        Raises
        ------
        NotFound
            No job has this id.
        Conflict
            Its document is damaged.
        """
        return self._read(job_id)[1]

    def answer(self, job: Job) -> dict[str, Any]:
        """Return ``job`` as clients see it, without secrets."""
        fields = job.answer()
        return fields | {"request": self.work.describe_request(fields["request"])}

    def answer_as(self, kind: type[T], job: Job) -> T:
        """Return ``job`` as an answer of ``kind``; raise :class:`Conflict` if its result does not
        fit, which another version may have stored."""
        try:
            return msgspec.convert(self.answer(job), kind)
        except REFUSALS as error:
            raise Conflict(f"{self._key(job.job_id)} does not fit: {error}") from error

    def newest(self, *, limit: int | None = None, before: str | None = None) -> Iterator[Job]:
        """Yield jobs, newest first: at most ``limit``, and only those older than ``before``."""
        older = (job_id for job_id in self.ids() if before is None or job_id < before)
        yield from islice(self.readable(older), limit)

    def ids(self) -> list[str]:
        """Return the ids of the jobs that the viewer may see, newest first.

        Those of others are not looked at, however many there are.
        """
        name = self.viewer.name
        seen = self.work.folder if name is None or self.viewer.sees_all else self._folder_of(name)
        with as_transient():
            names = self.store.names(seen)
        ids = (name.removesuffix(".json") for name in reversed(names))
        return [job_id for job_id in ids if MODEL_ID.fullmatch(job_id)]

    def readable(self, job_ids: Iterable[str]) -> Iterator[Job]:
        """Yield the jobs that the viewer may see and whose documents are not damaged."""
        for job_id in job_ids:
            try:
                yield self.read(job_id)
            except NotFound:
                continue
            except Conflict as error:
                # One damaged document must not hide the other jobs.
                log.warning("job %s is skipped: %s", job_id, error.detail)

    def take(self, job_id: str) -> tuple[Job, Lease | None]:
        """Take a job unless another process holds it or it has ended; return it, and the lease if
        it was taken."""
        lease = self._lease(os.urandom(8).hex())

        def step(job: Job) -> Job:
            return job if job.is_ended or job.is_held(self.clock()) else job.with_lease(lease)

        job = self._change(job_id, step)
        return job, lease if job.is_held_by(lease) else None

    def begin(self, job_id: str, lease: Lease) -> Job:
        """Count an attempt and return the job.

        Raises
        ------
        LeaseLost
            Another process holds the job, or it has ended.
        SerError
            The job has had as many attempts as are allowed.
        """
        renewed = self._lease(lease.holder)

        def step(job: Job) -> Job:
            job.require_holder(lease)
            if job.attempts >= self.max_attempts:
                raise exhaustion_error(job)
            return job.with_attempt(renewed, self.clock())

        return self._change(job_id, step)

    def renew(self, job_id: str, lease: Lease, stage: str, progress: float) -> Job:
        """Renew the lease, store the progress, and return the job; raise :class:`LeaseLost` if
        another process holds it, or it has ended."""
        renewed = self._lease(lease.holder)

        def step(job: Job) -> Job:
            return job.require_holder(lease).with_progress(renewed, stage, progress)

        return self._change(job_id, step)

    def note_charge(self, job_id: str, lease: Lease) -> Job:
        """Store that the sounds of a job are counted, and return it; raise :class:`LeaseLost` if
        another process holds it, or it has ended."""

        def step(job: Job) -> Job:
            return job.require_holder(lease).as_charged()

        return self._change(job_id, step)

    def succeed(self, job_id: str, result: dict[str, Any], lease: Lease | None) -> Job:
        """End a job whose model is published, and return it; one that has ended stays unchanged.

        ``lease`` is that of the state in which the caller saw the job. Raise :class:`LeaseLost` if
        another process holds the job: it may be publishing again.
        """

        def step(job: Job) -> Job:
            if job.is_ended:
                return job
            held = job.require_holder(lease) if lease else job
            return self._ended(held.as_succeeded(result, self.clock()))

        return self._change(job_id, step)

    def release(self, taken: Job, lease: Lease, error: Busy) -> Job:
        """Release a job, with its attempts as they were when it was ``taken``: waiting for others
        does not count as an attempt. A job that another process holds stays unchanged."""

        def step(job: Job) -> Job:
            if not job.is_held_by(lease):
                return job
            return replace(job.without_lease(error), attempts=taken.attempts)

        return self._change(taken.job_id, step)

    def fail(self, job_id: str, lease: Lease, error: SerError) -> Job:
        """End an attempt; end the job too if ``error`` is permanent (4xx), if the attempt crashed
        as one before, or if no attempts are left. A job that another process holds stays
        unchanged."""

        def step(job: Job) -> Job:
            if not job.is_held_by(lease):
                return job
            if (crash := crash_of(error)) and crash == job.crash:
                repeated = f"{error.detail} An earlier attempt ended alike, so this is the last."
                last = TrainingLost(repeated, crash)
                return self._ended(job.as_failed(problems.document(last), self.clock()))
            if problems.status_of(error) < 500 or job.attempts >= self.max_attempts:
                return self._ended(job.as_failed(problems.document(error), self.clock()))
            return job.without_lease(error)

        return self._change(job_id, step)

    def cancel(self, job_id: str) -> Job:
        """Cancel a job and return it; its holder notices when it renews the lease.

        Raises
        ------
        NotFound
            No job has this id.
        Conflict
            It has succeeded or failed, or its model is being published.
        """

        def step(job: Job) -> Job:
            if job.stage == PUBLISHING and job.is_held(self.clock()):
                raise Conflict(
                    f"The model of job {job_id} is being published; allowed: cancelling a job "
                    "before that."
                )
            if job.status in ("succeeded", "failed"):
                raise Conflict(
                    f"Job {job_id} has {job.status} already; allowed: cancelling a job that is "
                    "queued or running."
                )
            return job if job.is_ended else self._ended(job.as_cancelled(self.clock()))

        return self._change(job_id, step)

    def _ended(self, job: Job) -> Job:
        """Return the ended ``job`` without the secrets of its request: no attempt needs them."""
        if job.unread_request is not None:
            return replace(job, unread_request=self.work.describe_request(job.unread_request))
        if job.request is None:
            return job
        described = self.work.describe_request(msgspec.to_builtins(job.request))
        request = self.work.restore_request(described)
        return replace(job, request=request, unread_request=described if request is None else None)

    def _read(self, job_id: str) -> tuple[Stored, Job]:
        with as_transient():
            stored = self.store.read(self._key(job_id)) if MODEL_ID.fullmatch(job_id) else None
        if stored is None:
            raise NotFound(f"There is no job {job_id!r}.")
        decode = partial(decode_job, restore_request=self.work.restore_request)
        job = decode_document(stored, decode, self._key(job_id))
        if not self.viewer.may_see(job.owner):
            raise NotFound(f"There is no job {job_id!r}.")
        return stored, job

    def _change(self, job_id: str, step: Callable[[Job], Job]) -> Job:
        """Replace a job by ``step(job)`` and return that; after a lost race, apply ``step`` to the
        new state."""
        for _ in range(MAX_LOST_RACES):
            stored, job = self._read(job_id)
            if (changed := step(job)) is job:
                return job
            with as_transient():
                if self.store.replace(self._key(job_id), stored, encode(changed)):
                    return changed
        raise Busy(f"Too many processes are changing job {job_id}; try again later.")

    def _key(self, job_id: str) -> str:
        return f"{self.work.folder}/{job_id}.json"

    def _folder_of(self, owner: str) -> str:
        """Return the folder that names the jobs of ``owner``."""
        # A token may have any text as its subject.
        return f"owners/{hashlib.sha256(owner.encode()).hexdigest()}/{self.work.folder}"

    def _lease(self, holder: str) -> Lease:
        return Lease(holder, self.clock() + timedelta(seconds=self.lease_seconds))


def open_jobs(
    settings: Settings,
    work: Work,
    *,
    caller: Caller = ANYONE,
    clock: Callable[[], datetime] = utc_now,
) -> Jobs:
    """Return the jobs of ``work`` at ``SER_JOBS_URI``, as ``caller`` sees and owns them.

    Raises
    ------
    NotFound
        It is not set.
    """
    if settings.jobs_uri is None:
        raise NotFound("This server keeps no jobs: SER_JOBS_URI, their location, is not set.")
    with as_transient():
        store = open_store(settings.jobs_uri)
    return Jobs(
        store,
        work,
        settings.lease_seconds,
        settings.max_attempts,
        clock,
        viewer=caller,
        owner=caller,
    )
