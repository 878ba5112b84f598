"""The same work on many things at once, with its progress told: on all cores of this machine, or
on the Dask cluster that ``SER_DASK_SCHEDULER`` names. Whoever has work does not know where it goes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from typing import Literal, TypeVar

from ser.progress import Report
from ser.settings import Settings

T = TypeVar("T")
R = TypeVar("R")

By = Literal["threads", "processes"]


def in_parallel(work: Callable[[T], R], things: Sequence[T], *, by: By, report: Report) -> list[R]:
    """Return what ``work`` makes of each of ``things``, in their order.

    Both may travel: ``work``, with all that it holds, once to each worker of a cluster, each of
    ``things`` with its task. So what the tasks have in common belongs into ``work``, and nothing
    may be a place on this machine.

    Parameters
    ----------
    by
        ``"threads"`` for work that spends its time outside of Python; ``"processes"`` for
        libraries that keep state of their own, such as the seeds of TensorFlow. On a cluster
        every worker is a process with one thread.

    Raises
    ------
    SettingsError
        The cluster cannot do the work of this training, whenever it is asked.
    RemoteFailed
        It does not do it now.
    """
    results: dict[int, R] = {}
    with closing(outcomes(work, things, by)) as found:
        for place, result in found:
            results[place] = result
            report(len(results) / len(things))
    return [results[place] for place in range(len(things))]


def outcomes(
    work: Callable[[T], R], things: Sequence[T], by: By
) -> Generator[tuple[int, R], None, None]:
    """Return the results as they come, each with the place of its thing."""
    if scheduler := Settings.from_environment().dask_scheduler:
        from ser.parallel.cluster import on_cluster

        return on_cluster(scheduler, work, things)
    return on_this_machine(work, things, by)


def on_this_machine(
    work: Callable[[T], R], things: Sequence[T], by: By
) -> Generator[tuple[int, R], None, None]:
    """Yield the results, each with the place of its thing."""
    import joblib
    from joblib.externals.loky import get_reusable_executor

    parallel = joblib.Parallel(n_jobs=-1, prefer=by, return_as="generator")
    yield from enumerate(parallel(joblib.delayed(work)(thing) for thing in things))
    if by == "processes":
        # They would wait minutes for more, and keep the memory of what they did. Where no semaphore
        # can be made there are none.
        with suppress(OSError, NotImplementedError):
            get_reusable_executor().shutdown(wait=True)
