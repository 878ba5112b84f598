"""Dask clusters of this machine: a scheduler and workers, each a process, and work for them."""

# mypy: disable-error-code="no-untyped-call"
# distributed states types, but not of all.

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from distributed import Client, Scheduler

HOST = "127.0.0.1"


class Cluster(NamedTuple):
    """A scheduler and its workers, who share nothing with a training but the network."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: tuple[subprocess.Popen[bytes], ...]

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Yield a client of the test's own."""
        with Client(self.address, set_as_default=False) as client:
            yield client


@contextmanager
def cluster(*, workers: int = 2, threads: int = 1, **environment: str) -> Iterator[Cluster]:
    """Yield a cluster that runs meanwhile."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://{HOST}:{port}"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        environment = {
            # The work below is found there.
            "PYTHONPATH": str(Path(__file__).parent),
            # As the documentation says: what all workers share stays with them.
            "DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__START": "false",
            **environment,
        }

        def run(command: str, *arguments: str) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{command}", *arguments],
                env={**os.environ, **environment},
                cwd=folder,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        scheduler = run("scheduler", "--host", HOST, "--port", str(port), "--no-dashboard")
        options = ("--nthreads", str(threads), "--no-nanny", "--no-dashboard")
        started = [
            run("worker", address, *options, "--local-directory", folder) for _ in range(workers)
        ]
        made = Cluster(address, scheduler, tuple(started))
        if workers:
            with made.client() as client:
                client.wait_for_workers(workers, timeout=120)
        yield made


def tasks_of(dask_scheduler: Scheduler) -> int:
    """Return how many tasks, and data for them, a scheduler knows of: called there."""
    return len(dask_scheduler.tasks)


class Arriving:
    """Work that leaves a file in ``folder`` wherever it arrives; it tells the places of things."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__dict__.update(state)
        (self.folder / f"{os.getpid()}.{time.monotonic_ns()}").touch()

    def __call__(self, thing: int) -> tuple[int, int]:
        time.sleep(0.02)
        return thing, os.getpid()


def doubled(thing: int) -> int:
    return 2 * thing


def slow(thing: int) -> int:
    time.sleep(1)
    return thing


def refusing(thing: int) -> int:
    """Raise what a training raises."""
    from ser.errors import Fault, InvalidInput

    raise InvalidInput(Fault(("model_config", "lr"), f"{thing} is too many"))


def dying(thing: int) -> int:
    """Kill the worker."""
    os.kill(os.getpid(), signal.SIGKILL)
    return thing


def dying_once(marker: Path, thing: int) -> int:
    """Kill the worker of the seventh thing, but only the first."""
    if thing == 6 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return thing
