"""A function applied to many values on several threads, lazily and in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")

LOOK_AHEAD = 4
"""Number of values read ahead for each thread, so that no thread waits for its next value."""


def map_in_order(work: Callable[[T], R], values: Iterable[T], threads: int) -> Iterator[R]:
    """Yield ``work(value)`` for each of ``values``, in their order.

    ``values`` is read in the thread of the caller, and at most ``LOOK_AHEAD * threads`` values
    ahead of the result that was yielded last: it may be endless. An error of ``values`` is raised
    after the results of the values before it. Closing the iterator cancels the calls that have not
    begun.
    """
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(threads)
    pending: deque[Future[R]] = deque()
    failure: Exception | None = None
    remaining = iter(values)
    try:
        while True:
            try:
                value = next(remaining)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 - raised below
                failure = error
                break
            pending.append(pool.submit(work, value))
            if len(pending) >= LOOK_AHEAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
        if failure:
            raise failure
    finally:
        pool.shutdown(cancel_futures=True)
