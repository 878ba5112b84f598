"""Progress on standard error: bars in a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from ser._progress import Progress


def are_shown() -> bool:
    """Return whether bars are shown."""
    return sys.stderr.isatty()


@contextmanager
def steps(title: str) -> Iterator[Progress]:
    """Yield a callback that shows the progress of the steps of ``title``."""
    if not are_shown():
        yield lambda _step, _share: None
        return
    with bars() as shown:
        tasks: dict[str, TaskID] = {}

        def show(step: str, share: float) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(f"{title}: {step}", total=1.0)
            shown.update(tasks[step], completed=share)

        yield show


@contextmanager
def count(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a callback that adds to the number of things done, of ``total``."""
    if not are_shown() or total < 2:
        yield lambda _done: None
        return
    with bars() as shown:
        task = shown.add_task(title, total=total)
        yield lambda done: shown.advance(task, done)


def bars() -> Bars:
    """Return the bars, which leave standard output alone: it may be a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        redirect_stdout=False,
        redirect_stderr=False,
    )
