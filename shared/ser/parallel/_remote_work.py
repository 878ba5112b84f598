"""What a worker of a cluster is given to do, and what it must have in common with the training."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import ser

LIBRARIES = (
    *("distributed", "keras", "numpy", "onnxruntime", "scikit-learn", "scipy", "soxr"),
    *("tensorflow", "tensorflow-cpu", "xgboost", "xgboost-cpu"),
)
"""With other versions of these the figures may be others."""
MOST_THINGS = 32
"""Of one task: what waits for a worker is held by the scheduler, which must not hold a corpus."""


class UnusableCluster(ValueError):
    """The cluster cannot do the work; whoever configured it has to mend that."""


@dataclass(frozen=True)
class Task:
    """Things that travel together, and the place of the first."""

    first: int
    things: Sequence[Any]


def tasks(things: Sequence[Any], workers: int) -> Iterator[Task]:
    """Yield ``things`` in tasks, enough of them to keep all ``workers`` busy to the end."""
    size = max(1, min(MOST_THINGS, len(things) // (16 * workers)))
    for first in range(0, len(things), size):
        yield Task(first, things[first : first + size])


@dataclass(frozen=True)
class RemoteWork:
    """Work, and where it may be done: it comes to a worker once, and stays until all is done."""

    address: str
    """Of the scheduler."""
    work: Callable[[Any], Any]
    traits: Mapping[str, str]
    environment: Mapping[str, str]

    @classmethod
    def of(
        cls, address: str, environment: Mapping[str, str], work: Callable[[Any], Any]
    ) -> RemoteWork:
        """Return the duty of those who ``work`` for this process."""
        # As in joblib's processes: with the number of threads the last bits of a sum change.
        return cls(address, work, traits(), {**environment, "OMP_NUM_THREADS": "1"})

    def done(self, task: Task) -> list[Any]:
        """Return the results of ``task``; called on a worker."""
        from distributed import get_worker
        from threadpoolctl import threadpool_limits

        worker = get_worker()
        # Who came after the others has not been asked.
        self.require_alike(worker.address, {**traits(), "threads": str(worker.state.nthreads)})
        os.environ.update(self.environment)
        with threadpool_limits(1):
            return [self.work(thing) for thing in task.things]

    def require_alike(self, worker: str, found: Mapping[str, str | None]) -> None:
        """Raise :class:`UnusableCluster` if ``worker`` has other traits than this training."""
        for name, value in found.items():
            if value != self.traits[name]:
                raise UnusableCluster(
                    f"the Dask scheduler is {self.address!r}, whose {worker} has {name} "
                    f"{value or 'not at all'}; allowed: {name} {self.traits[name]}, which this "
                    "training has"
                )


def traits() -> dict[str, str]:
    """Return what must be alike wherever a training is at work."""
    found = {"ser": ser.__version__, "Python": platform.python_version(), "threads": "1"}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = ""
    return found
