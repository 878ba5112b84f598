"""The cores and the memory that this process may use, in a container or outside of one.

Sources: cpu.max and memory.max in the kernel's Documentation/admin-guide/cgroup-v2.rst, and their
predecessors in scheduler/sched-bwc.rst and cgroup-v1/memory.rst.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

UNLIMITED = float("inf")


def cores(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use, at least 1.

    Parameters
    ----------
    root
        The folder that contains ``proc`` and ``sys``.
    """
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quotas = [_quota(folder) for folder in _control_groups(root, "cpu")]
    # A part of a core counts as one: a worker uses it while others wait.
    return max(1, math.ceil(min([allowed, *quotas])))


def memory(root: Path = Path("/")) -> float:
    """Return the bytes of memory that this process and its children may use; infinity if unknown.

    Parameters
    ----------
    root
        As for :func:`cores`.
    """
    try:
        installed: float = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        installed = UNLIMITED
    limits = [
        _number(folder / name)
        for folder in _control_groups(root, "memory")
        for name in ("memory.max", "memory.limit_in_bytes")
    ]
    return min([installed, *limits])


def _control_groups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders that may limit this process: those of its group and of all groups above.

    In a container the mounted hierarchy usually begins at the group of the container, although the
    path of the process may be that of the host; so folders need not exist.
    """
    mount = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        # The second version has one hierarchy for all controllers, without a name.
        if not controllers or controller in controllers.split(","):
            top = mount / controller if controllers else mount
            group = Path(path.lstrip("/"))
            yield from (top / each for each in (group, *group.parents))


def _quota(folder: Path) -> float:
    """Return the cores that a control group may use."""
    fields = _text(folder / "cpu.max").split()
    if len(fields) == 2 and fields[0] != "max":
        return int(fields[0]) / int(fields[1])
    quota, period = (_number(folder / f"cpu.cfs_{each}_us") for each in ("quota", "period"))
    # -1 means no limit.
    return quota / period if 0 < quota < UNLIMITED else UNLIMITED


def _number(file: Path) -> float:
    """Return the number in ``file``; infinity if there is none."""
    try:
        return int(_text(file))
    except ValueError:
        return UNLIMITED


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
