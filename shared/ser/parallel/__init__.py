"""Applying one function to many items: on all cores of this machine, or on a Dask cluster.

The code that has the work does not know where it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from ser._progress import Report, silent
from ser.parallel._remote_work import UnusableCluster

__all__ = ["THIS_MACHINE", "UnusableCluster", "Workers"]

T = TypeVar("T")
R = TypeVar("R")

By = Literal["threads", "processes"]


@dataclass(frozen=True)
class Workers:
    """The cores of this machine, or the workers of a Dask cluster."""

    scheduler: str | None = None
    """Address of the cluster's scheduler, ``tcp://host:port`` or ``tls://host:port``."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that are set on every worker of the cluster."""

    def map(
        self, work: Callable[[T], R], items: Sequence[T], *, by: By, report: Report = silent
    ) -> list[R]:
        """Return the result of ``work`` for each of ``items``, in their order.

        On a cluster, ``work`` and everything it holds travels once to each worker, and each item
        with its task. So what the tasks have in common belongs in ``work``, and neither may refer
        to a place on this machine.

        Parameters
        ----------
        by
            ``"threads"`` for work that spends its time outside of Python; ``"processes"`` for
            libraries with state of their own, such as the seeds of TensorFlow. On a cluster every
            worker is a process with one thread.

        Raises
        ------
        UnusableCluster
            The cluster cannot do this work, now or later.
        RemoteFailed
            It fails at this moment.
        """
        results: dict[int, R] = {}
        with closing(self._results(work, items, by)) as found:
            for place, result in found:
                results[place] = result
                report(len(results) / len(items))
        return [results[place] for place in range(len(items))]

    def _results(
        self, work: Callable[[T], R], items: Sequence[T], by: By
    ) -> Generator[tuple[int, R], None, None]:
        """Return the results as they arrive, each with the index of its item."""
        if self.scheduler:
            from ser.parallel._cluster import on_cluster

            return on_cluster(self.scheduler, self.environment, work, items)
        return on_this_machine(work, items, by)


THIS_MACHINE = Workers()


def on_this_machine(
    work: Callable[[T], R], items: Sequence[T], by: By
) -> Generator[tuple[int, R], None, None]:
    """Yield the results, each with the index of its item."""
    import joblib
    from joblib.externals.loky import get_reusable_executor

    parallel = joblib.Parallel(n_jobs=-1, prefer=by, return_as="generator")
    yield from enumerate(parallel(joblib.delayed(work)(item) for item in items))
    if by == "processes":
        # They would wait minutes for more, and keep the memory of what they did. Where no semaphore
        # can be made there are none.
        with suppress(OSError, NotImplementedError):
            get_reusable_executor().shutdown(wait=True)
