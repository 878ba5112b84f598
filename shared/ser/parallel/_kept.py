"""Values that the workers of a Dask cluster keep, each where it was made."""

# mypy: disable-error-code="no-untyped-call"
# Only some functions of distributed have type annotations.

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import cycle
from operator import add
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ser._progress import ProgressCallback
from ser.parallel._cluster import (
    TASKS_PER_WORKER,
    connect,
    next_done,
    require_same_software,
    require_worker,
    translated,
)
from ser.parallel._remote_work import RemoteWork, pack, unpack

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

SUMMANDS = 4
"""Number of results that a task adds."""
IN_FLIGHT = 4
"""Number of results on their way to this process, or to other workers."""


class Kept(Generic[T]):
    """Values that the workers of a cluster keep until this object is deleted.

    A value of a lost worker is made again on another one. Work on values is sent to the workers
    that keep them; small values may stand for large files on the disk of the worker. As such a file
    may be missing, work is called with ``make``, followed by values.

    Raises
    ------
    UnusableCluster, RemoteFailed
        As :meth:`ser.parallel.Workers.stream` does; all methods do.
    """

    values: list[T]
    """All values, in the order of the items that they were made from."""

    def __init__(
        self,
        address: str,
        environment: Mapping[str, str],
        make: Callable[[Any], T],
        items: Callable[[int], Sequence[Any]],
        on_progress: ProgressCallback,
    ) -> None:
        self._address, self._environment = address, environment
        with translated(address):
            self._client: Client = connect(address)
            weakref.finalize(self, self._client.close)
            try:
                require_same_software(self._client, RemoteWork.of(address, environment, make))
                self._make = self._hold(make)
                self._futures = self._made(items(len(self._client.nthreads())), on_progress)
                # Directly from the workers: the scheduler has a single thread.
                self.values = self._client.gather(self._futures, direct=True)
            except BaseException:
                self._client.close()  # cancels the tasks
                raise

    def _made(self, items: Sequence[Any], on_progress: ProgressCallback) -> list[Future[T]]:
        """Return the future of each value when it is made."""
        futures: list[Future[T]] = []
        running: set[Future[T]] = set()
        while len(futures) < len(items) or running:
            # The number of workers may have changed.
            free = TASKS_PER_WORKER * len(self._client.nthreads()) - len(running)
            for item in items[len(futures) : len(futures) + max(0, free)]:
                future = self._client.submit(RemoteWork.make, self._make, pack(item), pure=False)
                futures.append(future)
                running.add(future)
            if not running:
                require_worker(self._client)
                continue
            done = next_done(self._client, [*running])
            for each in done:
                if each.status != "finished":
                    each.result()
            running -= done
            on_progress((len(futures) - len(running)) / len(items))
        return futures

    def sum(self, work: Callable[..., R], chosen: Sequence[int]) -> R:
        """Return the sum of the results of ``work(make, *values)``, one result for each worker.

        Workers add the results; only the total comes to this process.

        Parameters
        ----------
        chosen
            Indices of the values.
        """
        with translated(self._address):
            function = self._hold(work)
            results = [
                self._submit(function, [self._futures[index] for index in indices], worker)
                for worker, indices in self._by_worker(chosen).items()
            ]
            adding = self._hold(add_all)
            while len(results) > 1:
                results = [
                    self._submit(adding, results[first : first + SUMMANDS])
                    for first in range(0, len(results), SUMMANDS)
                ]
            total: R = self._result(results[0])
            return total

    def each(self, work: Callable[[Any, T], R]) -> Iterator[R]:
        """Yield the result of ``work(make, value)`` for each value, in their order."""
        with translated(self._address):
            function = self._hold(work)
            holders = self._holders()
            running: deque[Future[R]] = deque()
            for index, future in enumerate(self._futures):
                running.append(self._submit(function, [future], holders[index]))
                if len(running) == IN_FLIGHT:
                    yield self._result(running.popleft())
            while running:
                yield self._result(running.popleft())

    def share(self, read: Callable[[Any, T], R], write: Callable[[Any, T, R], None]) -> None:
        """Call ``write(make, value, data)`` on all workers for each value.

        ``data`` is the result of ``read(make, value)`` on the worker that keeps the value. It goes
        from worker to worker.
        """
        with translated(self._address):
            reading, writing = self._hold(read), self._hold(write)
            holders = self._holders()
            running: deque[list[Future[None]]] = deque()
            for index, future in enumerate(self._futures):
                data = self._submit(reading, [future], holders[index])
                others = [each for each in self._client.nthreads() if each != holders[index]]
                running.append([self._submit(writing, [future, data], other) for other in others])
                if len(running) == IN_FLIGHT:
                    [*map(self._result, running.popleft())]
            for rest in running:
                [*map(self._result, rest)]

    def _hold(self, function: Callable[..., Any]) -> Future[RemoteWork]:
        """Return the future of ``function`` on the workers, which send it to each other.

        It is the result of a task, so that it is never lost. To broadcast it would wait forever for
        a worker that has stopped unnoticed.
        """
        work = RemoteWork.of(self._address, self._environment, function)
        return self._client.submit(unpack, pack(work), pure=False)

    def _submit(
        self, function: Future[Any], values: Sequence[Future[Any]], worker: str | None = None
    ) -> Future[Any]:
        """Return the future result of ``function`` for ``values``, on ``worker`` if it lives."""
        place = {"workers": [worker], "allow_other_workers": True} if worker else {}
        return self._client.submit(
            RemoteWork.apply, function, self._make, *values, pure=False, **place
        )

    def _result(self, future: Future[R]) -> R:
        next_done(self._client, [future])
        result: R = self._client.gather(future, direct=True)
        return result

    def _holders(self) -> list[str]:
        """Return the worker that keeps each value, or is to make it again."""
        known = self._client.who_has(self._futures)
        living = [*self._client.nthreads()]
        others = cycle(living)
        found = []
        for future in self._futures:
            holders = [each for each in known.get(future.key, ()) if each in living]
            found.append(holders[0] if holders else next(others, ""))
        return found

    def _by_worker(self, chosen: Sequence[int]) -> dict[str, list[int]]:
        """Return the indices ``chosen`` by the worker that keeps their values."""
        holders = self._holders()
        found: dict[str, list[int]] = {}
        for index in chosen:
            found.setdefault(holders[index], []).append(index)
        return found


def add_all(make: object, *summands: Any) -> Any:
    """Return the sum of ``summands``, which stay as they are: the cluster may add them again."""
    del make
    return reduce(add, summands)
