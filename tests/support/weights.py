"""The weights of the encoder of the preset accurate, which not every machine has."""

from __future__ import annotations

from typing import NoReturn

from ser._schemas import parse
from ser.encoders import EncoderSources
from ser.errors import InvalidInput
from ser.training import Recipe, require_encoders, with_defaults

REASON = "the weights of the preset accurate are missing"


def found() -> bool:
    """Return whether this machine can train with the preset accurate."""
    try:
        require_encoders(
            parse(Recipe, with_defaults({"preset": "accurate"})), EncoderSources(hub=False)
        )
    except InvalidInput:
        return False
    return True


def refuse(sources: EncoderSources, source: str, sha256: str | None = None) -> NoReturn:
    """Refuse every encoder, in place of :meth:`ser.encoders.EncoderSources.check`."""
    raise InvalidInput(f"{source} is missing; allowed: install the weights")
