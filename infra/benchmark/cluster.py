"""The section ``cluster``: trainings on a Dask cluster on this machine."""

# mypy: disable-error-code="no-untyped-call"
# distributed is typed only in part.

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmark.bench import Bench
from benchmark.copies import TABLE
from benchmark.processes import processor_seconds
from benchmark.rows import Row, Target
from benchmark.trials import run
from stack import HOST, end, free_port

WORKERS = (1, 2)
IDLE_SECONDS = 10
"""Time for which the scheduler is observed without work."""
SPEED_UP = "feature extraction, 2 workers over 1"
SCHEDULER = "processor time of the scheduler per hour of speech"
STAGE = "features"
"""The stage of a training that extracts the features."""


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    for workers in WORKERS:
        yield Row(name_of(workers), "s")
    yield Row(SPEED_UP, "×", (Target(1.8),), more_is_better=True)
    yield Row(SCHEDULER, "s", (Target(0.41),))


def measure(bench: Bench) -> None:
    """Measure a training of our recipe on a cluster of one worker, and one on two workers."""
    seconds: dict[int, float] = {}
    for workers in WORKERS:
        folder = bench.place.folder / f"cluster of {workers}"
        folder.mkdir()
        with cluster(folder, workers) as made:
            idle = made.idle_share()
            before = processor_seconds(made.scheduler.pid)
            arguments = {
                "corpus": str(bench.recordings / TABLE),
                "registry": str(folder / "registry"),
                "data_path": str(folder / "data"),
                "preset": "light",
                "dask_scheduler": made.address,
            }
            trial = run("train", arguments)
            spent = processor_seconds(made.scheduler.pid) - before
            spent -= idle * trial.seconds
        seconds[workers] = trial.answer["seconds"][STAGE]
        bench.rows[name_of(workers)].note(seconds[workers])
    # That of the larger cluster.
    bench.rows[SCHEDULER].note(max(spent, 0.0) / bench.speech.hours)
    bench.rows[SPEED_UP].note(seconds[1] / seconds[2])


def name_of(workers: int) -> str:
    """Return the name of the row of a cluster."""
    return f"feature extraction, {workers} worker{'s' * (workers > 1)}"


class Cluster(NamedTuple):
    """A scheduler with its workers."""

    address: str
    scheduler: subprocess.Popen[bytes]

    def idle_share(self) -> float:
        """Return the share of a core that the scheduler uses while it has no work."""
        before = processor_seconds(self.scheduler.pid)
        time.sleep(IDLE_SECONDS)
        return (processor_seconds(self.scheduler.pid) - before) / IDLE_SECONDS


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[Cluster]:
    """Yield a cluster of ``workers`` with one thread each, which keep their files in ``folder``."""
    port = free_port()
    address = f"tcp://{HOST}:{port}"
    # As docs/deployment.md says.
    variables = {
        "DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__START": "false",
        "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
        "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "500ms",
    }

    def start(command: str, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{command}", *arguments],
            env={**os.environ, **variables},
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(end, process)
        return process

    with ExitStack() as stack:
        scheduler = start("scheduler", "--host", HOST, "--port", str(port), "--no-dashboard")
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", ".")
        for _ in range(workers):
            start("worker", address, *options)
        wait_for_workers(address, workers)
        yield Cluster(address, scheduler)


def wait_for_workers(address: str, workers: int) -> None:
    """Return once the cluster at ``address`` has ``workers``."""
    from distributed import Client

    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(workers, timeout=120)
