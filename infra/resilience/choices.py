"""Choices of the person who runs a check, from the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection


def whole(variable: str, default: int) -> int:
    """Return the whole number in an environment variable; exit if it has another value."""
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal():
        sys.exit(f"{variable}={text}; allowed: a whole number")
    return int(text)


def names(variable: str, allowed: Collection[str]) -> list[str]:
    """Return the names between commas in an environment variable, or all; exit if one is
    unknown."""
    text = os.environ.get(variable, "")
    chosen = [name.strip() for name in text.split(",") if name.strip()] or [*allowed]
    if unknown := [name for name in chosen if name not in allowed]:
        sys.exit(f"{variable} has {', '.join(unknown)}; allowed: {', '.join(allowed)}")
    return chosen
