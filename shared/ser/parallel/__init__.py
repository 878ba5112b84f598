"""One function applied to many items: on all cores of this machine, or on a Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from ser._progress import ProgressCallback, ignore_share
from ser.errors import InvalidInput
from ser.parallel._kept import Kept
from ser.parallel._remote_work import (
    ThisWorker,
    UnusableCluster,
    pack,
    this_worker,
    unpack,
)

__all__ = [
    "THIS_MACHINE",
    "Kept",
    "ThisWorker",
    "UnusableCluster",
    "Workers",
    "pack",
    "scheduler_address",
    "this_worker",
    "unpack",
]

T = TypeVar("T")
R = TypeVar("R")

By = Literal["threads", "processes"]

IN_FLIGHT_PER_THREAD = 2
"""Number of items in work, or done and not yet taken, for each thread."""


@dataclass(frozen=True)
class Workers:
    """The cores of this machine, or the workers of a Dask cluster."""

    scheduler: str | None = None
    """Address of the cluster's scheduler, ``tcp://host:port`` or ``tls://host:port``."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables to set on every worker of the cluster."""

    def map(
        self,
        work: Callable[[T], R],
        items: Sequence[T],
        *,
        by: By,
        on_progress: ProgressCallback = ignore_share,
    ) -> list[R]:
        """Return the result of ``work`` for each of ``items``, in their order.

        The parameters and errors are those of :meth:`stream`.
        """
        with closing(self.stream(work, items, by=by, on_progress=on_progress)) as found:
            return [*found]

    def stream(
        self,
        work: Callable[[T], R],
        items: Sequence[T],
        *,
        by: By,
        on_progress: ProgressCallback = ignore_share,
    ) -> Generator[R, None, None]:
        """Yield the result of ``work`` for each of ``items``, in their order.

        Work is done ahead of the caller, but only so far that all workers are busy: neither the
        items nor the results are all in memory, if ``items`` makes an item when it is used. By
        threads, that is in the thread that works on the item. Closing the generator early cancels
        the work that has not begun.

        On a cluster, ``work`` is sent to each worker once, with everything it refers to; items are
        sent with their tasks. Data that all tasks share should therefore be part of ``work``, and
        neither ``work`` nor an item may refer to a local file.

        Parameters
        ----------
        by
            ``"threads"`` for work that releases the GIL most of the time; ``"processes"`` for
            libraries with global state, such as the seeds of TensorFlow. On a cluster every worker
            is a process with one thread.

        Raises
        ------
        UnusableCluster
            The cluster cannot do this work; another attempt would fail too.
        RemoteFailed
            The cluster failed; another attempt may succeed.
        """
        with closing(self._results(work, items, by)) as found:
            for done, result in enumerate(found, start=1):
                on_progress(done / len(items))
                yield result

    def keep(
        self,
        make: Callable[[Any], T],
        items: Callable[[int], Sequence[Any]],
        on_progress: ProgressCallback = ignore_share,
    ) -> Kept[T]:
        """Return the results of ``make`` for all items, kept by the workers of the cluster.

        Parameters
        ----------
        items
            Function from the number of workers to the items, one for each task.

        Raises
        ------
        UnusableCluster, RemoteFailed
            As :meth:`stream` does.
        """
        assert self.scheduler
        return Kept(self.scheduler, self.environment, make, items, on_progress)

    def _results(
        self, work: Callable[[T], R], items: Sequence[T], by: By
    ) -> Generator[R, None, None]:
        """Yield each result in the order of ``items``."""
        if self.scheduler:
            from ser.parallel._cluster import map_on_cluster

            return map_on_cluster(self.scheduler, self.environment, work, items)
        return LOCAL[by](work, items)


THIS_MACHINE = Workers()


def scheduler_address(value: object) -> str:
    """Return ``value`` if it is the address of a scheduler.

    Raises
    ------
    InvalidInput
        It is not ``tcp://host:port`` or ``tls://host:port``.
    """
    try:
        parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
        address = f"{parts.scheme}://{parts.netloc}"
        fits = address == value and parts.scheme in ("tcp", "tls") and parts.hostname and parts.port
    except ValueError:  # a port that is no number, an incomplete IPv6 address
        fits = False
    if not isinstance(value, str) or not fits or "@" in value:
        raise InvalidInput(f"{value!r} does not fit; allowed: tcp://host:port or tls://host:port")
    return value


def by_threads(work: Callable[[T], R], items: Sequence[T]) -> Generator[R, None, None]:
    """Yield each result in the order of ``items``, from a thread for each core.

    joblib's threads are not used, because they run ahead of a slow caller without a limit.
    """
    import joblib

    threads = joblib.cpu_count()
    started: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for index in range(len(items)):
            started.append(pool.submit(lambda index: work(items[index]), index))
            if len(started) == IN_FLIGHT_PER_THREAD * threads:
                yield started.popleft().result()
        while started:
            yield started.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def by_processes(work: Callable[[T], R], items: Sequence[T]) -> Generator[R, None, None]:
    """Yield each result in the order of ``items``, from a process for each core."""
    import joblib
    from joblib.externals.loky import get_reusable_executor

    parallel = joblib.Parallel(n_jobs=-1, prefer="processes", return_as="generator")
    yield from parallel(joblib.delayed(work)(item) for item in items)
    # Idle processes would keep their memory for minutes. On a system without semaphores joblib has
    # started no processes.
    with suppress(OSError, NotImplementedError):
        get_reusable_executor().shutdown(wait=True)


LOCAL = {"threads": by_threads, "processes": by_processes}
