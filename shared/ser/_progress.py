"""Progress of long work, as callbacks that the caller hands in."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[float], None]
"""Called with the share of one step that is done, 0..1, never falling."""
Progress = Callable[[str, float], None]
"""Called with the name of a step and the share of it that is done."""


def silent(_share: float) -> None:
    """Ignore the progress of a step."""


def quiet(_step: str, _share: float) -> None:
    """Ignore the progress of all steps."""


def step(progress: Progress, name: str) -> ProgressCallback:
    """Return the callback that reports the step ``name`` to ``progress``."""
    return lambda share: progress(name, share)
