"""Progress on standard error: bars in a terminal, lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ser._progress import Progress


@contextmanager
def show_progress(title: str) -> Iterator[Progress]:
    """Yield a callback that shows the progress of ``title``."""
    if not sys.stderr.isatty():
        yield line_printer(title)
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True)) as bars:
        tasks = {}

        def show(step: str, share: float) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(f"{title}: {step}", total=1.0)
            bars.update(tasks[step], completed=share)

        yield show


def line_printer(title: str) -> Progress:
    """Return a callback that writes one line for each completed step."""
    done = set()

    def show(step: str, share: float) -> None:
        if share >= 1.0 and step not in done:
            done.add(step)
            sys.stderr.write(f"{title}: {step} done\n")

    return show
