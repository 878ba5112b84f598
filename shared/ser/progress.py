"""How long work tells how far it is."""

from collections.abc import Callable

Report = Callable[[float], None]
"""Called with the share of a step that is done, 0..1, never falling."""


def silent(_share: float) -> None:
    """Report nothing."""
