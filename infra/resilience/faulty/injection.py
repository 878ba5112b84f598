"""A fault at every call of a store, in turn, while models are published, aliases move and jobs
change; afterwards everything is whole or absent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from itertools import count, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

from resilience.faulty.models import broken, leftovers, publish, sweep
from resilience.faulty.servers import bucket
from resilience.reports import Report
from ser.errors import InvalidInput, RemoteFailed, SerError, StorageFull
from ser.registry import Registry
from ser.service.jobs.job import LeaseLost
from ser.service.jobs.jobs import Jobs
from ser.service.jobs.predictions import Predictions
from ser.store import Store, open_store

Mode = Literal["refused", "full", "lost", "late"]
MODES: tuple[Mode, ...] = ("refused", "full", "lost", "late")
"""A call has no effect and fails, or finds no space; or it has its effect, and the answer is lost,
or says that no space is left."""


class Unreliable(Store):
    """A store, of which one call fails.

    Parameters
    ----------
    store
        Carries out the calls.
    failing
        The number of the call that fails, from 0 on.
    stays
        Whether all later calls fail, too.
    """

    def __init__(self, store: Store, failing: int, mode: Mode, *, stays: bool) -> None:
        super().__init__(store.uri)
        self._store, self._failing, self._mode, self._stays = store, failing, mode, stays
        self.calls = 0

    @property
    def reached(self) -> bool:
        """Whether the failing call has been made."""
        return self.calls > self._failing

    def _translate_errors(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _call(self, carry_out: Callable[[], Any], *, writes: bool) -> Any:
        number, self.calls = self.calls, self.calls + 1
        fails = number >= self._failing if self._stays else number == self._failing
        if fails and self._mode == "full" and writes:
            raise StorageFull("no space is left")
        if fails and self._mode in ("refused", "full"):
            raise RemoteFailed("the store does not answer")
        result = carry_out()
        if fails and self._mode == "late" and writes:
            raise StorageFull("no space is left")
        if fails:
            raise RemoteFailed("the answer was lost")
        return result

    def _read(self, key: str, most: int | None = None) -> Any:
        del most
        return self._call(lambda: self._store.read(key), writes=False)

    def _holds(self, key: str) -> Any:
        return self._call(lambda: self._store.holds(key), writes=False)

    def _create(self, key: str, data: bytes) -> Any:
        return self._call(lambda: self._store.create(key, data), writes=True)

    def _replace(self, key: str, old: Any, data: bytes) -> Any:
        return self._call(lambda: self._store.replace(key, old, data), writes=True)

    def _delete(self, key: str) -> None:
        self._call(lambda: self._store.delete(key), writes=False)

    def _names(self, folder: str) -> Iterable[str]:
        names: list[str] = self._call(lambda: self._store.names(folder), writes=False)
        return names


class Scenario(NamedTuple):
    """A change of a store, and the check of its effect."""

    name: str
    prepare: Callable[[Store], Any]
    """Fills an empty store; its result is handed to the others."""
    change: Callable[[Store, Any], None]
    problems: Callable[[Store, Any], Iterable[str]]
    """Yields a sentence for each part that is neither whole nor absent."""


def models_of(store: Store, _prepared: Any) -> Iterator[str]:
    yield from broken(Registry(store), store)


def publish_one(store: Store, _prepared: Any) -> None:
    publish(Registry(store))


def two_models(store: Store) -> tuple[str, str]:
    """Publish two models; return their ids."""
    return publish(Registry(store)), publish(Registry(store))


def roll_back(store: Store, _ids: Any) -> None:
    Registry(store).rollback("latest")


def delete_first(store: Store, ids: Any) -> None:
    Registry(store).delete(ids[0])


def jobs_in(store: Store) -> Jobs:
    return Jobs(store, Predictions(), lease_seconds=30, max_attempts=3)


def run_a_job(store: Store, _prepared: Any) -> None:
    """Carry a job through all of its states."""
    jobs = jobs_in(store)
    job_id = jobs.add({"audio": ["a.wav"]}, job_id=jobs.claim("0" * 64)).job_id
    _, lease = jobs.take(job_id)
    if lease:
        jobs.begin(job_id, lease)
        jobs.renew(job_id, lease, "predict", 0.5)
        jobs.succeed(job_id, {"model_id": "x"}, lease)


def lose_a_job(store: Store, _prepared: Any) -> None:
    """Fail one job and cancel another one."""
    jobs = jobs_in(store)
    failing, cancelled = (jobs.add({"audio": ["a.wav"]}).job_id for _ in range(2))
    _, lease = jobs.take(failing)
    if lease:
        jobs.begin(failing, lease)
        jobs.fail(failing, lease, InvalidInput("no sound"))
    jobs.cancel(cancelled)


def jobs_of(store: Store, _prepared: Any) -> Iterator[str]:
    """Yield a sentence for each job that cannot be read, or two jobs of one claim."""
    jobs = jobs_in(store)
    ids = [name.removesuffix(".json") for name in store.names("predictions")]
    for job_id in ids:
        try:
            job = jobs.read(job_id)
        except SerError as error:
            yield error.detail
            continue
        if job.status == "succeeded" and job.result is None:
            yield f"job {job_id} has succeeded without a result"
    if store.names("claims") and ids and jobs.claim("0" * 64) not in ids:
        yield "the job is not that of its claim"


SCENARIOS = (
    Scenario("publication", lambda _: None, publish_one, models_of),
    Scenario("second publication", two_models, publish_one, models_of),
    Scenario("rollback", two_models, roll_back, models_of),
    Scenario("deletion", two_models, delete_first, models_of),
    Scenario("jobs that succeed", lambda _: None, run_a_job, jobs_of),
    Scenario("jobs that fail or are cancelled", lambda _: None, lose_a_job, jobs_of),
)


class Outcome(NamedTuple):
    """The outcome of one fault."""

    problems: list[str]
    leftovers: int
    """Number of ids with files that are no models."""
    unswept: int
    """Number of those that sweeps do not remove."""


def outcome_of(
    store: Store, scenario: Scenario, call: int, mode: Mode, stays: bool
) -> Outcome | None:
    """Return the outcome of a fault of the empty ``store``; ``None`` if ``scenario`` makes fewer
    calls."""
    prepared = scenario.prepare(store)
    unreliable = Unreliable(store, call, mode, stays=stays)
    with suppress(SerError, LeaseLost):
        scenario.change(unreliable, prepared)
    if not unreliable.reached:
        return None
    where = f"{scenario.name}, call {call}, {mode}{' for good' if stays else ''}"
    found = [f"{where}: {problem}" for problem in scenario.problems(store, prepared)]
    registry = Registry(store)
    left = len(leftovers(registry, store))
    sweep(registry)
    unswept = len(leftovers(registry, store))
    if unswept:
        found.append(f"{where}: leftovers are never swept")
    return Outcome(found, left, unswept)


def outcomes(new_store: Callable[[], Store]) -> Iterator[Outcome]:
    """Yield the outcome of each fault at each call of each scenario."""
    for scenario, mode, stays in product(SCENARIOS, MODES, (False, True)):
        for call in count():
            outcome = outcome_of(new_store(), scenario, call, mode, stays)
            if outcome is None:
                break
            yield outcome


def inject_into_folders() -> Report:
    """Return the figures of faults of a store in a folder."""
    # Memory, where writes need not wait for a disk: no power fails here.
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as home:
        numbers = count()
        return report("faults of a folder", outcomes(lambda: open_store(f"{home}/{next(numbers)}")))


def inject_into_buckets() -> Report:
    """Return the figures of faults of a store in a bucket."""
    with bucket() as place:
        numbers = count()
        return report(
            "faults of a bucket", outcomes(lambda: open_store(f"{place}/{next(numbers)}"))
        )


def report(name: str, found: Iterable[Outcome]) -> Report:
    """Return the figures of all outcomes in ``found``."""
    each = [*found]
    figures = {
        "faults injected": len(each),
        "whole or none": sum(not outcome.problems for outcome in each),
        "ids with leftovers": sum(outcome.leftovers for outcome in each),
        "leftovers after sweeps": sum(outcome.unswept for outcome in each),
    }
    return Report(name, figures, tuple(text for outcome in each for text in outcome.problems))
