"""The examples at the end of each help."""

from __future__ import annotations


def examples(*commands: str) -> str:
    """Return ``commands`` as the last part of a help."""
    return "\n\n".join(["Examples:", *(f"$ {command}" for command in commands)])
