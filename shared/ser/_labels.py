"""Emotions as models and corpora name them."""

from __future__ import annotations

import msgspec


class Label(msgspec.Struct, frozen=True):
    """An emotion: the corpus's own code and name for it, and the English word used throughout."""

    code: str
    name: str
    emotion: str

    def __str__(self) -> str:
        """``L - Langeweile``: the key of a probability."""
        return f"{self.code} - {self.name}"
