"""Limits of corpora and sounds. The library sets none; a service hands its own in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class Limit(NamedTuple):
    """The largest allowed value of a quantity."""

    value: float = math.inf
    setting: str = ""
    """The name under which the limit was set, for messages; empty if it has none."""

    @property
    def origin(self) -> str:
        """The setting in brackets after a space; empty if the limit has no name."""
        return f" ({self.setting})" if self.setting else ""

    def __str__(self) -> str:
        return f"{self.value:,.15g}{self.origin}"


UNLIMITED = Limit()


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one corpus."""

    download_bytes: Limit = UNLIMITED
    """Size of the archive."""
    extracted_bytes: Limit = UNLIMITED
    """Size of the archive's content."""
    audio_seconds: Limit = UNLIMITED
    """Duration of one sound."""


NO_LIMITS = Limits()
