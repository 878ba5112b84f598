"""Callbacks that report the progress of long-running work."""

from __future__ import annotations

from collections.abc import Callable

ProgressCallback = Callable[[float], None]
"""Called with the completed share of one step, 0..1, which never decreases."""
Progress = Callable[[str, float], None]
"""Called with the name of a step and its completed share, 0..1."""


def ignore_share(_share: float) -> None:
    """Ignore the progress of a step."""


def ignore_progress(_step: str, _share: float) -> None:
    """Ignore the progress of all steps."""


def step(progress: Progress, name: str) -> ProgressCallback:
    """Return a callback that reports the share of the step ``name`` to ``progress``."""
    return lambda share: progress(name, share)
