"""Problem documents (RFC 9457) as errors of the library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ser.errors import (
    AlteredModel,
    Busy,
    Conflict,
    Fault,
    InvalidInput,
    NotFound,
    RemoteFailed,
    SerError,
    StorageFull,
    TooLarge,
)

BY_STATUS: dict[int, type[SerError]] = {
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: Busy,
    503: Busy,
    507: StorageFull,
}
"""Errors by HTTP status, where the status alone decides."""
ALTERED_MODEL = "urn:ser:problem:altered-model"


def error_of(problem: Mapping[str, Any]) -> SerError:
    """Return the error that ``problem`` describes.

    Statuses that the caller can correct, 401, 403 and 422 among them, are :class:`InvalidInput`;
    those of a server that fails are :class:`RemoteFailed`.

    Examples
    --------
    >>> from ser.client._errors import error_of
    >>> error_of({"status": 404, "detail": "there is no model 'x'"})
    NotFound("there is no model 'x'")
    """
    status, detail = int(problem.get("status", 500)), str(problem.get("detail", "no reason given"))
    if problem.get("type") == ALTERED_MODEL:
        return AlteredModel(detail)
    if status in (401, 403):
        return InvalidInput(Fault(("api_key",), detail))
    if errors := problem.get("errors"):
        return InvalidInput(*(Fault(tuple(each["loc"]), each["msg"]) for each in errors))
    kind = BY_STATUS.get(status) or (InvalidInput if 400 <= status < 500 else RemoteFailed)
    return kind(detail)
