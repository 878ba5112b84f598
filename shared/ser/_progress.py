"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[float], None]
"""Called with the share of a step that is done, 0..1, never falling."""
Progress = Callable[[str, float], None]
"""Called with the name of a step and the share of it that is done."""


def silent(_share: float) -> None:
    """Report nothing of a step."""


def quiet(_step: str, _share: float) -> None:
    """Report nothing of any step."""


def step(progress: Progress, name: str) -> Report:
    """Return what reports the step ``name`` to ``progress``."""
    return lambda share: progress(name, share)
