"""Jobs in a store, each changed only by who has read it as it is."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from ser.errors import Busy, Conflict, NotFound, RemoteFailed, SerError
from ser.registry import MODEL_ID, encode, new_model_id
from ser.service import problems
from ser.service.jobs.job import PUBLISHING, Job, Lease
from ser.service.settings import Settings
from ser.store import Store, Stored, open_store

log = logging.getLogger("ser")

RACES = 64
"""How many changes by others may come before one of ours."""

T = TypeVar("T")


class Claim(msgspec.Struct, frozen=True):
    """``claims/<identity>.json``: the one job that there will ever be of an object."""

    job_id: str


class LeaseLost(Exception):
    """The job was cancelled, or is somebody else's by now."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def passing() -> Iterator[None]:
    """Raise whatever is wrong with our own store as something that asking again may help against:
    it is the operator's to mend, and no fault of who asked for a training."""
    try:
        yield
    except SerError as error:
        if problems.status_of(error) >= 500:
            raise
        raise RemoteFailed(f"The jobs cannot be kept: {error.detail}") from error


@dataclass(frozen=True)
class Jobs:
    """The jobs of a store, for any number of processes on any number of machines.

    Every change is a compare-and-swap. Where the store has no conditional replacement (OpenStack
    Swift), one of two changes at the same moment may get lost: two may train for one job, or a
    cancellation goes unheard; and two may claim one object, so that it has two models. Leases
    compare the clocks of the machines, which must agree to a few seconds.

    Besides what is listed, every method raises :class:`~ser.errors.SerError` with a status from
    500 on when the store fails.

    Parameters
    ----------
    lease_seconds
        How long a job is left to a holder who gives no sign of life.
    max_attempts
        How often a job is begun before it is given up.
    clock
        Returns the time, with its zone.
    """

    store: Store
    lease_seconds: float
    max_attempts: int
    clock: Callable[[], datetime] = utc_now

    def claim(self, identity: str) -> str:
        """Return the id of the job of the object called ``identity``, the same for ever.

        It is written before the job, so that a crash between the two makes no second job.
        """
        key = f"claims/{identity}.json"
        with passing():
            while (stored := self.store.read(key)) is None:
                self.store.create(key, encode(Claim(new_model_id())))
        return decode(stored, Claim, key).job_id

    def add(
        self,
        request: dict[str, Any],
        *,
        job_id: str | None = None,
        trigger: dict[str, str] | None = None,
        refusal: SerError | None = None,
    ) -> Job:
        """Return a new job: queued, or failed by ``refusal`` at once. Where there is a job
        ``job_id`` already, it stays as it is and is returned."""
        now = self.clock()
        job_id = job_id or new_model_id()
        job = Job(job_id=job_id, request=request, trigger=trigger, created_at=now)
        if refusal:
            job = job.failed(problems.document(refusal), now)
        with passing():
            created = self.store.create(job_key(job_id), encode(job))
        return job if created else self.read(job_id)

    def holds(self, job_id: str) -> bool:
        """Tell whether there is a job with this id."""
        with passing():
            return bool(MODEL_ID.fullmatch(job_id)) and self.store.holds(job_key(job_id))

    def read(self, job_id: str) -> Job:
        """Return a job as it is now.

        Raises
        ------
        NotFound
            There is none with this id.
        Conflict
            Its document is damaged.
        """
        return self._read(job_id)[1]

    def newest(self, *, limit: int | None = None, before: str | None = None) -> Iterator[Job]:
        """Yield jobs, newest first: ``limit`` at most, and only those older than ``before``."""
        with passing():
            names = self.store.names("jobs")
        ids = (name.removesuffix(".json") for name in reversed(names))
        older = (i for i in ids if MODEL_ID.fullmatch(i) and (before is None or i < before))
        for job_id in islice(older, limit):
            try:
                yield self.read(job_id)
            except Conflict as error:
                # One damaged document must not hide the others.
                log.warning("job %s is left out: %s", job_id, error.detail)

    def take(self, job_id: str) -> tuple[Job, Lease | None]:
        """Return a job, and a lease of it if nobody is at work on it."""
        lease = self._lease(os.urandom(8).hex())

        def step(job: Job) -> Job:
            return job if job.is_ended or job.is_held(self.clock()) else job.held(lease)

        job = self._change(job_id, step)
        return job, lease if job.is_held_by(lease) else None

    def begin(self, job_id: str, lease: Lease) -> Job:
        """Count an attempt.

        Raises
        ------
        LeaseLost
            The job is not ours any more.
        SerError
            It was begun as often as allowed: what ended the last attempt.
        """
        renewed = self._lease(lease.holder)

        def step(job: Job) -> Job:
            if ours(job, lease).attempts >= self.max_attempts:
                raise given_up(job)
            return job.begun(renewed, self.clock())

        return self._change(job_id, step)

    def keep(self, job_id: str, lease: Lease, stage: str, progress: float) -> Job:
        """Renew the lease, and tell how far the job is; raise :class:`LeaseLost` if the job is
        not ours any more."""
        renewed = self._lease(lease.holder)
        return self._change(job_id, lambda job: ours(job, lease).kept(renewed, stage, progress))

    def succeed(self, job_id: str, result: dict[str, Any], lease: Lease | None) -> Job:
        """End a job whose model is published, held as it was seen: by ``lease`` or by nobody; one
        that has ended stays as it is. Raise :class:`LeaseLost` if somebody else holds it: he may
        have begun to publish anew."""

        def step(job: Job) -> Job:
            if job.is_ended:
                return job
            return (ours(job, lease) if lease else job).succeeded(result, self.clock())

        return self._change(job_id, step)

    def release(self, taken: Job, lease: Lease, error: Busy) -> Job:
        """Let go of a job as it was taken: to find others at work was no attempt. One that is not
        ours any more stays as it is."""

        def step(job: Job) -> Job:
            if not job.is_held_by(lease):
                return job
            return replace(job.put_back(error), attempts=taken.attempts)

        return self._change(taken.job_id, step)

    def fail(self, job_id: str, lease: Lease, error: SerError) -> Job:
        """End an attempt, and the job if asking again does not help (4xx) or was tried often
        enough; one that is not ours any more stays as it is."""

        def step(job: Job) -> Job:
            if not job.is_held_by(lease):
                return job
            if problems.status_of(error) < 500 or job.attempts >= self.max_attempts:
                return job.failed(problems.document(error), self.clock())
            return job.put_back(error)

        return self._change(job_id, step)

    def cancel(self, job_id: str) -> Job:
        """End a job; who is at work on it learns so when renewing the lease.

        Raises
        ------
        NotFound
            There is none with this id.
        Conflict
            It has succeeded or failed, or somebody is publishing its model.
        """

        def step(job: Job) -> Job:
            if job.stage == PUBLISHING and job.is_held(self.clock()):
                raise Conflict(
                    f"The model of job {job_id} is being published; allowed: to cancel one that "
                    "is not so far yet."
                )
            if job.status in ("succeeded", "failed"):
                raise Conflict(
                    f"Job {job_id} has {job.status} already; allowed: to cancel one that is "
                    "queued or running."
                )
            return job if job.is_ended else job.cancelled(self.clock())

        return self._change(job_id, step)

    def _read(self, job_id: str) -> tuple[Stored, Job]:
        with passing():
            stored = self.store.read(job_key(job_id)) if MODEL_ID.fullmatch(job_id) else None
        if stored is None:
            raise NotFound(f"There is no job {job_id!r}.")
        return stored, decode(stored, Job, job_key(job_id))

    def _change(self, job_id: str, step: Callable[[Job], Job]) -> Job:
        """Make of a job what ``step`` makes of it, asked anew after a lost race."""
        for _ in range(RACES):
            stored, job = self._read(job_id)
            if (changed := step(job)) is job:
                return job
            with passing():
                if self.store.replace(job_key(job_id), stored, encode(changed)):
                    return changed
        raise Busy(f"Too many others change job {job_id} at this moment; ask again later.")

    def _lease(self, holder: str) -> Lease:
        return Lease(holder, self.clock() + timedelta(seconds=self.lease_seconds))


def open_jobs(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> Jobs:
    """Return the jobs at ``SER_JOBS_URI``.

    Raises
    ------
    NotFound
        It is not set.
    """
    if settings.jobs_uri is None:
        raise NotFound("No jobs are kept here; SER_JOBS_URI says where, and is not set.")
    with passing():
        store = open_store(settings.jobs_uri)
    return Jobs(store, settings.lease_seconds, settings.max_attempts, clock)


def job_key(job_id: str) -> str:
    return f"jobs/{job_id}.json"


def ours(job: Job, lease: Lease) -> Job:
    if not job.is_held_by(lease):
        raise LeaseLost
    return job


def given_up(job: Job) -> SerError:
    """Return what ended the last attempt of ``job``, or that nobody lived to tell."""
    told = problems.from_document(job.problem) if job.problem else None
    if told is not None and not isinstance(told, Busy):
        return told
    return SerError(
        f"Of {job.attempts} attempts none came to an end: each time whoever was at work was gone."
    )


def decode(stored: Stored, kind: type[T], key: str) -> T:
    try:
        return msgspec.json.decode(stored.data, type=kind)
    except msgspec.DecodeError as error:
        raise Conflict(f"{key} is damaged, mend or remove it: {error}") from error
