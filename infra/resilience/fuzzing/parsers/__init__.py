"""All parsers of bytes from outside, by kind."""

from __future__ import annotations

from resilience.fuzzing.parser import Parser
from resilience.fuzzing.parsers import (
    addresses,
    archives,
    bodies,
    corpora,
    events,
    jobs,
    models,
    profiles,
    registries,
    sounds,
)

PARSERS: tuple[Parser, ...] = (
    *sounds.PARSERS,
    *archives.PARSERS,
    *corpora.PARSERS,
    *registries.PARSERS,
    *models.PARSERS,
    *profiles.PARSERS,
    *jobs.PARSERS,
    *events.PARSERS,
    *bodies.PARSERS,
    *addresses.PARSERS,
)

__all__ = ["PARSERS", "all_parsers"]


def all_parsers() -> tuple[Parser, ...]:
    """Return :data:`PARSERS`."""
    return PARSERS
