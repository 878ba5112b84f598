"""The same work on many things at once, on all cores, with its progress told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from ser.progress import Report

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(
    work: Callable[[T], R],
    things: Sequence[T],
    *,
    by: Literal["threads", "processes"],
    report: Report,
) -> list[R]:
    """Return what ``work`` makes of each of ``things``, in their order.

    Parameters
    ----------
    by
        ``"threads"`` for work that spends its time outside of Python; ``"processes"`` for
        libraries that keep state of their own, such as the seeds of TensorFlow.
    """
    import joblib
    from joblib.externals.loky import get_reusable_executor

    parallel = joblib.Parallel(n_jobs=-1, prefer=by, return_as="generator")
    results = []
    for result in parallel(joblib.delayed(work)(thing) for thing in things):
        results.append(result)
        report(len(results) / len(things))
    if by == "processes":
        # They would wait minutes for more, and keep the memory of what they did.
        get_reusable_executor().shutdown(wait=True)
    return results
