"""Limits of corpora and sounds. The library has none of its own; a service passes its limits."""

from __future__ import annotations

import math
from typing import NamedTuple


class Limit(NamedTuple):
    """The largest allowed value of a quantity."""

    value: float = math.inf
    setting: str = ""
    """The name under which the limit was set, for messages; empty if it has none."""

    @property
    def origin(self) -> str:
        """Return the setting in brackets after a space; an empty string without a setting."""
        return f" ({self.setting})" if self.setting else ""

    def __str__(self) -> str:
        return f"{self.value:,.15g}{self.origin}"


UNLIMITED = Limit()


class Limits(NamedTuple):
    """Limits of one corpus."""

    download_bytes: Limit = UNLIMITED
    """Size of the archive."""
    extracted_bytes: Limit = UNLIMITED
    """Size of the archive's content."""
    audio_seconds: Limit = UNLIMITED
    """Duration of one sound."""


NO_LIMITS = Limits()
