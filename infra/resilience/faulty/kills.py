"""Processes that are killed at random points of a publication."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from resilience.faulty.models import broken, leftovers, publish, sweep
from resilience.reports import Report
from ser.registry import Registry
from ser.store import open_store

PUBLICATIONS = 3
"""Longest time until the kill, in publications that nothing interrupts."""


def kill_publishers(kills: int, seed: int = 0) -> Report:
    """Kill ``kills`` processes that publish into one registry; return the figures."""
    random = Random(seed)
    found: list[str] = []
    complete = 0
    with TemporaryDirectory() as home:
        store = open_store(home)
        registry = Registry(store)
        began = time.monotonic()
        publish(registry)
        longest = PUBLICATIONS * (time.monotonic() - began)
        for _ in range(kills):
            kill_one(home, random.uniform(0, longest))
            now = broken(registry, store)
            complete += not now
            found += now
        left = leftovers(registry, store)
        unfinished = hidden_files(home)
        sweep(registry)
        still = [*leftovers(registry, store), *hidden_files(home)]
        found += broken(registry, store)
        models = len([*registry.ids()])
    problems = [*dict.fromkeys(found)]
    if still:
        problems.append(f"{len(still)} leftovers of killed publications are never swept")
    figures = {
        "kills": kills,
        "complete models only": complete,
        "models published": models,
        "ids with leftovers": len(left),
        "unfinished files": len(unfinished),
        "leftovers after sweeps": len(still),
    }
    return Report("kills", figures, tuple(problems))


def hidden_files(folder: str) -> list[Path]:
    """Return files that are not complete: those with hidden names, but for the locks."""
    return [path for path in Path(folder).rglob(".*") if path.is_file() and path.name != ".lock"]


def kill_one(folder: str, seconds: float) -> None:
    """Start a process that publishes into ``folder``, and kill it after ``seconds`` of that."""
    command = [sys.executable, "-m", "resilience.faulty.publisher", folder]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.kill()
