"""Dask clusters on this machine, a process for the scheduler and each worker, and work for them."""

# mypy: disable-error-code="no-untyped-call"
# distributed has types for a part of its functions only.

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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from distributed import Client, Scheduler, Worker

from ser.errors import InvalidInput
from ser.fetching import FolderPlace, StoredFile

HOST = "127.0.0.1"


class Cluster(NamedTuple):
    """A scheduler and its workers, which share only the network with a training."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: tuple[subprocess.Popen[bytes], ...]

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Yield a client for the test."""
        with Client(self.address, set_as_default=False) as client:
            yield client


@contextmanager
def cluster(*, workers: int = 2, threads: int = 1, **environment: str) -> Iterator[Cluster]:
    """Yield a cluster that runs while the context is open."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    address = f"tcp://{HOST}:{port}"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        environment = {
            # Where workers find the functions below, and the package if the tests find it there.
            "PYTHONPATH": os.pathsep.join(
                [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
            # As the documentation requires, so that workers keep the data sent to all of them.
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


def count_tasks(dask_scheduler: Scheduler) -> int:
    """Return the number of tasks and data that a scheduler knows; called on the scheduler."""
    return len(dask_scheduler.tasks)


def features_on_disk(dask_worker: Worker) -> list[str]:
    """Return the names of the features that a worker keeps; called on the worker."""
    return [each.name for each in Path(dask_worker.local_directory).glob("features/*/*-*")]


class ArrivalRecorder:
    """Work that writes a file to ``folder`` whenever it is unpickled; returns item and process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__dict__.update(state)
        (self.folder / f"{os.getpid()}.{time.monotonic_ns()}").touch()

    def __call__(self, item: int) -> tuple[int, int]:
        time.sleep(0.02)
        return item, os.getpid()


@dataclass(frozen=True)
class PrivateFolder(FolderPlace):
    """A folder that one process can read, as if no other machine had it."""

    process: int = 0

    def read(self, file: StoredFile, start: int = 0, size: int | None = None) -> bytes:
        if os.getpid() != self.process:
            raise InvalidInput(f"{self.folder / file.name} cannot be read: it is not here")
        return super().read(file, start, size)


def doubled(item: int) -> int:
    return 2 * item


def slow(item: int) -> int:
    time.sleep(1)
    return item


def slow_first(item: int) -> int:
    """Return ``item``; the first one takes longer than many others."""
    time.sleep(0.5 if item == 0 else 0)
    return item


def refusing(item: int) -> int:
    """Raise an error as a training does."""
    from ser.errors import Fault, InvalidInput

    raise InvalidInput(Fault(("model_config", "lr"), f"{item} is too many"))


def dying(item: int) -> int:
    """Kill the worker."""
    os.kill(os.getpid(), signal.SIGKILL)
    return item


def dying_once(marker: Path, item: int) -> int:
    """Kill the worker that gets the seventh item, but only once."""
    if item == 6 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item
