"""Labels of emotions."""

from __future__ import annotations

import msgspec


class Label(msgspec.Struct, frozen=True):
    """An emotion label: the code and the name in its corpus, and the English word for the emotion.

    Examples
    --------
    >>> label = ser.Label("L", "Langeweile", "boredom")
    >>> label.emotion
    'boredom'
    >>> str(label)
    'L - Langeweile'
    """

    code: str
    """Code in the corpus, such as ``L``."""
    name: str
    """Name in the corpus, such as ``Langeweile``."""
    emotion: str
    """English word for the emotion, such as ``boredom``."""

    def __str__(self) -> str:
        """Return code and name, as in ``L - Langeweile``: a key of probabilities over HTTP."""
        return f"{self.code} - {self.name}"
