"""Large objects in parallel ranges.

The transfer manager of boto3 does this as well, but it cannot begin in the middle of an object, and
its output in order (s3transfer 0.19.3) waits for ever once an object has more than ten ranges: the
first range holds its place in a window of ten while it submits the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

PART_BYTES = 8 << 20
"""Size of a range in bytes."""
CONNECTIONS = 8
"""Number of ranges that are transferred or kept in memory at the same time."""
WORTHWHILE_BYTES = 4 * PART_BYTES
"""Number of bytes from which on they come in ranges."""


def is_worthwhile(size: int) -> bool:
    """Return whether ``size`` bytes come faster in ranges."""
    return size >= WORTHWHILE_BYTES


def ranged_chunks(
    read: Callable[[int, int], bytes], start: int, size: int
) -> Generator[bytes, None, None]:
    """Yield ``size`` bytes from the byte ``start`` on, in order.

    ``read(first, last)`` returns a range, of which ``last`` is the last byte; several threads call
    it at the same time. The transfer begins with the first chunk and ends when the iterator is
    closed.
    """
    end = start + size
    ranges = ((first, min(first + PART_BYTES, end) - 1) for first in range(start, end, PART_BYTES))
    threads = ThreadPoolExecutor(CONNECTIONS)
    try:
        under_way = deque(threads.submit(read, *each) for each in islice(ranges, CONNECTIONS))
        while under_way:
            chunk = under_way.popleft().result()
            under_way += [threads.submit(read, *each) for each in islice(ranges, 1)]
            yield chunk
    finally:
        threads.shutdown(cancel_futures=True)
