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

    ``values`` may be infinite: it is read in the thread of the caller, at most
    ``LOOK_AHEAD * threads`` values ahead of the last result. Closing the iterator cancels the calls
    that have not begun.
    """
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(threads)
    pending: deque[Future[R]] = deque()
    try:
        for value in values:
            pending.append(pool.submit(work, value))
            if len(pending) >= LOOK_AHEAD * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
