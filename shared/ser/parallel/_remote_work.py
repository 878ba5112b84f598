"""Work for a cluster, and the software that its workers must share with this process."""

from __future__ import annotations

import os
import pickle
import platform
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import ser

LIBRARIES = (
    *("distributed", "keras", "numpy", "onnxruntime", "scikit-learn", "scipy", "soxr"),
    *("tensorflow", "tensorflow-cpu", "xgboost", "xgboost-cpu"),
)
"""Libraries whose versions may affect the results."""
MAX_TASK_ITEMS = 128
"""Maximum number of items in a task. A task costs the scheduler 3 ms, whatever its size; but one
that has begun when a training is cancelled runs to its end."""


class UnusableCluster(ValueError):
    """The cluster cannot do the work as it is configured."""


class ThisWorker(NamedTuple):
    """The worker of a cluster that runs this code."""

    address: str
    folder: Path
    """A folder of its own, which is removed when the worker stops."""


def this_worker() -> ThisWorker | None:
    """Return the worker of a cluster that runs this code; ``None`` on the client's machine."""
    if "distributed" not in sys.modules:
        return None
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:
        return None
    return ThisWorker(worker.address, Path(worker.local_directory))


def pack(value: object) -> bytes:
    """Return ``value`` as bytes for a task, small and not read by the scheduler."""
    return zlib.compress(pickle.dumps(value), 1)


def unpack(packed: bytes) -> Any:
    """Return the value that :func:`pack` was given."""
    return pickle.loads(zlib.decompress(packed))  # noqa: S301, from the client


@dataclass(frozen=True)
class Task:
    """Consecutive items that are sent to a worker together."""

    first: int
    """Index of the first item."""
    items: Sequence[Any]


def split_into_tasks(items: Sequence[Any], workers: int) -> Iterator[Task]:
    """Yield ``items`` in tasks small enough to keep all ``workers`` busy to the end."""
    size = max(1, min(MAX_TASK_ITEMS, len(items) // (16 * workers)))
    for first in range(0, len(items), size):
        yield Task(first, items[first : first + size])


@dataclass(frozen=True)
class RemoteWork:
    """A function for the workers of a cluster, and the software they must have to run it.

    It is sent to each worker once.
    """

    address: str
    """Address of the scheduler."""
    function: Callable[[Any], Any]
    software: Mapping[str, str]
    """Versions by name, as :func:`installed_software` returns them."""
    environment: Mapping[str, str]
    """Environment variables to set on the workers."""

    @classmethod
    def of(
        cls, address: str, environment: Mapping[str, str], function: Callable[[Any], Any]
    ) -> RemoteWork:
        """Return ``function`` as work for workers that have the software of this process."""
        # One thread, as in joblib's processes: the number of threads changes the last bits of sums.
        environment = {**environment, "OMP_NUM_THREADS": "1"}
        return cls(address, function, installed_software(), environment)

    def run(self, packed: bytes) -> list[Any]:
        """Return the results for the items of a packed :class:`Task`; called on a worker."""
        with self._prepared():
            return [self.function(item) for item in unpack(packed).items]

    def make(self, packed: bytes) -> Any:
        """Return the result for a packed item; called on a worker."""
        with self._prepared():
            return self.function(unpack(packed))

    def apply(self, make: RemoteWork, *values: Any) -> Any:
        """Return the result for ``values`` that ``make`` made; called on a worker."""
        with self._prepared():
            return self.function(make.function, *values)

    @contextmanager
    def _prepared(self) -> Iterator[None]:
        """Check and set up the worker, and run with one thread."""
        from distributed import get_worker
        from threadpoolctl import threadpool_limits

        worker = get_worker()
        # A worker that joined after the first check is checked here.
        found = {**installed_software(), "threads": str(worker.state.nthreads)}
        self.require_same_software(worker.address, found)
        os.environ.update(self.environment)
        with threadpool_limits(1):
            yield

    def require_same_software(self, worker: str, found: Mapping[str, str | None]) -> None:
        """Raise :class:`UnusableCluster` unless the software ``found`` on ``worker`` is ours."""
        for name, value in found.items():
            if value != self.software[name]:
                raise UnusableCluster(
                    f"the Dask scheduler is {self.address!r}; its {worker} has "
                    f"{f'{name} {value}' if value else f'no {name}'}; "
                    f"allowed: {name} {self.software[name]}, as on the machine that sends the work"
                )


def installed_software() -> dict[str, str]:
    """Return the versions of all software that may affect the results, and the thread count."""
    found = {"ser": ser.__version__, "Python": platform.python_version(), "threads": "1"}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = ""
    return found
