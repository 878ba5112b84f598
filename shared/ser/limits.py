"""Limits on corpora and sounds. The library sets none; a service passes its own."""

from __future__ import annotations

import math
from typing import NamedTuple


class Limit(NamedTuple):
    """The largest allowed value of a quantity."""

    value: float = math.inf
    setting: str = ""
    """Name of the setting that defines the limit, for messages; empty if there is none."""

    @property
    def origin(self) -> str:
        """The setting in parentheses after a space; an empty string without a setting."""
        return f" ({self.setting})" if self.setting else ""

    def __str__(self) -> str:
        return f"{self.value:,.15g}{self.origin}"


UNLIMITED = Limit()


class Limits(NamedTuple):
    """Limits on one corpus."""

    download_bytes: Limit = UNLIMITED
    """Size of the archive in bytes."""
    extracted_bytes: Limit = UNLIMITED
    """Size of the archive's content, or of a folder that is read in place, in bytes."""
    files: Limit = UNLIMITED
    """Number of sounds in a folder that is read in place."""
    audio_seconds: Limit = UNLIMITED
    """Duration of one sound in seconds."""


NO_LIMITS = Limits()
