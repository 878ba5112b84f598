"""A disk that is full after any number of bytes.

A file system of a few megabytes would need privileges to mount; instead a process may write only
files of a limited size, which fails as a full disk does (EFBIG in place of ENOSPC).
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from resilience.faulty.kills import hidden_files
from resilience.faulty.models import FILES, broken, leftovers, publish
from resilience.reports import Report
from ser.errors import StorageFull
from ser.registry import Registry
from ser.store import open_store

STEPS = 60
"""Number of disks, each with a bit more space than the one before."""


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """Limit the files that this process writes to ``size`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill_disks(steps: int = STEPS) -> Report:
    """Return the figures of publications on disks with less and less space."""
    refused = whole = left = unfinished = 0
    problems: list[str] = []
    largest = max(map(len, FILES.values()))
    with TemporaryDirectory() as home:
        for step in range(steps):
            size = largest * step // steps
            store = open_store(f"{home}/{step}")
            registry = Registry(store)
            before = publish(registry)
            try:
                with files_of_at_most(size):
                    publish(registry)
            except StorageFull:
                refused += 1
            else:
                problems.append(f"a publication in {size:,} bytes is not refused")
            found = broken(registry, store)
            if registry.resolve("latest") != before:
                found.append(f"latest has moved in {size:,} bytes")
            whole += not found
            left += len(leftovers(registry, store))
            unfinished += len(hidden_files(f"{home}/{step}"))
            problems += found
    figures = {
        "full disks": steps,
        "refused as such": refused,
        "whole or none": whole,
        "ids with leftovers": left,
        "unfinished files": unfinished,
    }
    return Report("full disks", figures, tuple(problems))
