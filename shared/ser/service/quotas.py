"""Quotas of callers: jobs at a time, and seconds of sound in an hour or a day.

They are kept in the store of jobs, which all processes and machines share: a counter in memory
would give a caller its quota once for each process. A job takes one of as many slots as the quota
has, ``slots/<function>/<caller>/<number>.json``; it is free again when the job has ended, so a
crash loses none. The seconds of a period are in ``usage/<caller>.json``. Only callers with a quota
cause these documents.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ser.errors import Busy, Conflict, NotFound
from ser.registry import encode
from ser.service.callers import Caller
from ser.service.problems import QuotaReached
from ser.service.settings import Settings, SettingsError
from ser.store import Store, open_store

if TYPE_CHECKING:
    from ser.service.jobs.jobs import Jobs

RETRY_SECONDS = 30
"""Seconds after which a caller may try again to add a job."""
GRACE = timedelta(seconds=60)
"""Time between the taking of a slot and the creation of its job."""
LONGEST_TRAINING = timedelta(days=1)
"""Time after which the slot of a synchronous training is free even if its server has crashed."""
MAX_LOST_RACES = 64
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """The use of one slot."""

    job_id: str
    taken_at: datetime
    until: datetime | None = None
    """When it is free at the latest; ``None``: when its job has ended."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The seconds of sound of a caller since ``begun_at``."""

    begun_at: datetime
    seconds: float


def take_slot(jobs: Jobs, caller: Caller, slot: Slot) -> str:
    """Take a slot of ``caller``, who has a quota of jobs, and return its key.

    Raises
    ------
    QuotaReached
        No slot is free.
    """
    for number in range(caller.max_jobs or 0):
        key = f"slots/{jobs.work.name}/{caller.name}/{number}.json"
        stored = jobs.store.read(key)
        if stored is None:
            taken = jobs.store.create(key, encode(slot))
        else:
            free = is_free(stored.data, slot.job_id, jobs)
            taken = free and jobs.store.replace(key, stored, encode(slot))
        if taken:
            return key
    raise QuotaReached(
        f"The key {caller.name!r} has {caller.max_jobs} unfinished jobs of {jobs.work.name}, the "
        "limit set by its jobs= in SER_API_KEYS; try again when one has ended.",
        RETRY_SECONDS,
    )


def is_free(data: bytes, job_id: str, jobs: Jobs) -> bool:
    """Return whether the slot in ``data`` can be taken for the job ``job_id``."""
    try:
        slot = msgspec.json.decode(data, type=Slot)
    except (msgspec.DecodeError, ValueError):
        return True
    if slot.job_id == job_id:  # an event is announced again after its delivery was interrupted
        return True
    now = jobs.clock()
    if slot.until is not None:
        return now > slot.until
    try:
        return jobs.read(slot.job_id).is_ended
    except NotFound:
        return now - slot.taken_at > GRACE
    except Conflict:  # its document is damaged
        return True


def charge_sound(
    caller: Caller, seconds: float, settings: Settings, now: datetime | None = None
) -> None:
    """Count ``seconds`` of sound of ``caller``.

    Raises
    ------
    QuotaReached
        They exceed what is left of its quota; nothing is counted.
    """
    if caller.sound is None:
        return
    store, key = quota_store(caller, settings), f"usage/{caller.name}.json"
    now = now or datetime.now(UTC)
    period = PERIODS[caller.sound.period]
    begun_at = now - (now - EPOCH) % period
    for _ in range(MAX_LOST_RACES):
        stored = store.read(key)
        used = used_since(begun_at, stored.data) if stored else 0.0
        if used + seconds > caller.sound.seconds:
            raise QuotaReached(
                f"The key {caller.name!r} has used {used:g} s of sound this {caller.sound.period}, "
                f"and the request has {seconds:g} s; allowed: {caller.sound.seconds:g} s, the "
                "limit set by its sound= in SER_API_KEYS.",
                math.ceil((begun_at + period - now).total_seconds()),
            )
        usage = encode(Usage(begun_at=begun_at, seconds=used + seconds))
        if store.replace(key, stored, usage) if stored else store.create(key, usage):
            return
    raise Busy(f"Too many requests of the key {caller.name!r} are counted; try again.")


def used_since(begun_at: datetime, data: bytes) -> float:
    """Return the seconds used since ``begun_at`` according to a document of the store."""
    try:
        usage = msgspec.json.decode(data, type=Usage)
    except (msgspec.DecodeError, ValueError):
        return 0.0
    return usage.seconds if usage.begun_at == begun_at else 0.0


def quota_store(caller: Caller, settings: Settings) -> Store:
    """Return the store of quotas; raise :class:`SettingsError` without one."""
    if settings.jobs_uri is None:
        raise SettingsError(
            f"the key {caller.name!r} has quotas, which are kept at SER_JOBS_URI; it is not set"
        )
    return open_store(settings.jobs_uri)
