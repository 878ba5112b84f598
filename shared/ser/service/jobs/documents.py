"""The documents of the store of jobs, and the one place where they are decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from ser.errors import Conflict
from ser.registry import MODEL_ID
from ser.store import Stored

REFUSALS = (
    *(ValueError, TypeError, LookupError, ArithmeticError, RecursionError, AttributeError),
    msgspec.MsgspecError,
)
"""The exceptions of parsers that meet bytes of another kind."""

T = TypeVar("T")


class Claim(msgspec.Struct, frozen=True):
    """The document ``claims/<identity>.json``: the id of the only job of an object."""

    job_id: str


def decode_document(stored: Stored, decode: Callable[[bytes], T], key: str) -> T:
    """Return the decoded document at ``key``; raise :class:`Conflict` if it is damaged."""
    try:
        return decode(stored.data)
    except REFUSALS as error:
        raise Conflict(f"{key} is damaged; repair or remove it: {error}") from error


def decode_claim(data: bytes) -> Claim:
    """Return the claim in ``data``; raise one of :data:`REFUSALS` if there is none."""
    claim = msgspec.json.decode(data, type=Claim)
    if not MODEL_ID.fullmatch(claim.job_id):
        raise ValueError(f"{claim.job_id!r} is not the id of a job")
    return claim
