"""Memory and processor time of processes and of those that they start, read from ``/proc``."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """Return the processes that ``pid`` and its threads have started, and those below them.

    Helper processes of Python's ``multiprocessing``, which only track resources, are left out.
    """
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        # A process may end while it is read.
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in map(int, children.read_text().split()):
                if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes():
                    found += [child, *descendants(child)]
    return found


def kibibytes(pid: int, field: str) -> int:
    """Return ``field`` of the status of ``pid`` in KiB, ``VmRSS`` or ``VmHWM``; 0 after its end."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, flags=re.MULTILINE)
    return int(found[1]) if found else 0


def processor_seconds(pid: int) -> float:
    """Return the processor time of ``pid`` and of all processes that it has started."""
    total = 0.0
    for each in (pid, *descendants(pid)):
        with suppress(FileNotFoundError, ProcessLookupError):
            # The name of the program, in parentheses, may contain spaces.
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            # utime, stime, and those of children that have ended: proc(5).
            total += sum(map(int, fields[11:15])) / TICKS
    return total
