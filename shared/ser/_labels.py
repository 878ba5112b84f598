"""Emotions as models and corpora name them."""

from __future__ import annotations

import msgspec


class Label(msgspec.Struct, frozen=True):
    """An emotion: a corpus's code and name for it, and the English word used everywhere.

    Examples
    --------
    >>> label = ser.Label("L", "Langeweile", "boredom")
    >>> label.emotion
    'boredom'
    >>> str(label)
    'L - Langeweile'
    """

    code: str
    name: str
    emotion: str

    def __str__(self) -> str:
        """Return ``L - Langeweile``: the key of a probability in the HTTP answers."""
        return f"{self.code} - {self.name}"
