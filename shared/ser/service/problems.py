"""Errors as HTTP reports them: statuses, headers and RFC 9457 problem documents.

Problem documents also carry errors from one process to another and into stored jobs;
:func:`from_document` restores the error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

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
    first_faults,
)

RETRY_SECONDS = 5
"""Seconds after which a caller may repeat a request that was refused as :class:`Busy`."""
MEDIA_TYPE = "application/problem+json"


class UnreadableRequest(SerError):
    """A body that is broken, or not a JSON object."""


class MethodNotAllowed(SerError):
    """A path that exists, with a method that it does not answer."""

    def __init__(self, detail: str, methods: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.methods = methods
        """The methods that the path answers."""


class UnsupportedMediaType(SerError):
    """A body of a media type, or with an encoding, that the path does not read."""


class Unauthenticated(SerError):
    """A request without a valid key or token.

    Parameters
    ----------
    challenge
        The value of ``WWW-Authenticate`` (RFC 9110).
    """

    def __init__(self, detail: str, challenge: str = 'Bearer realm="ser"') -> None:
        super().__init__(detail)
        self.challenge = challenge


class Forbidden(SerError):
    """A caller that may not do this; ``challenge`` as for :class:`Unauthenticated`."""

    def __init__(self, detail: str, challenge: str = "") -> None:
        super().__init__(detail)
        self.challenge = challenge


class Misdirected(SerError):
    """A request for a host that this server does not answer for."""


class QuotaReached(SerError):
    """A caller whose quota is used up; trying again after ``retry_seconds`` may help."""

    def __init__(self, detail: str, retry_seconds: int = 60) -> None:
        super().__init__(detail)
        self.retry_seconds = retry_seconds


class NotReady(SerError):
    """A function whose store or model cannot be had now."""


class HeaderTooLarge(SerError):
    """A request line with headers above the limit."""


class TooSlow(SerError):
    """A request that arrives too slowly."""


class ClientGone(SerError):
    """A client that has closed its connection before the answer to its request."""


class TrainingLost(SerError):
    """A training whose process ended without an answer, most often killed for lack of memory."""

    def __init__(self, detail: str, crash: str = "") -> None:
        super().__init__(detail)
        self.crash = crash
        """The exit code and the step, by which two crashes are compared; empty if the process was
        asked to end."""


class Kind(NamedTuple):
    """The status and the title of a class of errors."""

    status: int
    title: str


KINDS: dict[type[SerError], Kind] = {
    SerError: Kind(500, "Internal error"),
    TrainingLost: Kind(500, "The training was lost"),
    UnreadableRequest: Kind(400, "The request cannot be read"),
    Unauthenticated: Kind(401, "Not authenticated"),
    Forbidden: Kind(403, "Not allowed"),
    NotFound: Kind(404, "Not found"),
    MethodNotAllowed: Kind(405, "Method not allowed"),
    TooSlow: Kind(408, "The request came too slowly"),
    ClientGone: Kind(408, "The client has gone"),
    Conflict: Kind(409, "Conflict"),
    AlteredModel: Kind(409, "The stored model does not match its manifest"),
    TooLarge: Kind(413, "Too large"),
    UnsupportedMediaType: Kind(415, "Unsupported media type"),
    Misdirected: Kind(421, "Not a name of this server"),
    InvalidInput: Kind(422, "The request does not fit"),
    QuotaReached: Kind(429, "Quota used up"),
    HeaderTooLarge: Kind(431, "The header is too large"),
    RemoteFailed: Kind(502, "A remote failed"),
    Busy: Kind(503, "Busy"),
    NotReady: Kind(503, "Not ready"),
    StorageFull: Kind(507, "No space left"),
}
"""Statuses and titles by class; a class that is not listed takes those of its base."""


def status_of(error: SerError) -> int:
    """Return the HTTP status of ``error``."""
    return kind_of(error).status


def kind_of(error: SerError) -> Kind:
    """Return the status and the title of ``error``."""
    return next(KINDS[each] for each in type(error).__mro__ if each in KINDS)


def headers_of(error: SerError) -> dict[str, str]:
    """Return the HTTP headers of a response that reports ``error``."""
    match error:
        case MethodNotAllowed(methods=methods):
            return {"Allow": ", ".join(methods)}
        case Busy() | NotReady():
            return {"Retry-After": str(RETRY_SECONDS)}
        case QuotaReached(retry_seconds=seconds):
            return {"Retry-After": str(seconds)}
        case Unauthenticated(challenge=challenge) | Forbidden(challenge=challenge) if challenge:
            return {"WWW-Authenticate": challenge}
    return {}


def document(error: SerError) -> dict[str, Any]:
    """Return ``error`` as an RFC 9457 problem document without ``instance``."""
    status, title = kind_of(error)
    problem: dict[str, Any] = {
        "type": type_of(type(error)),
        "title": title,
        "status": status,
        "detail": error.detail,
    }
    if isinstance(error, InvalidInput):
        problem["errors"] = [
            {"loc": list(loc), "msg": msg} for loc, msg in first_faults(error.faults)
        ]
    return problem


def from_document(problem: dict[str, Any]) -> SerError:
    """Return the error that the problem document ``problem`` reports."""
    kinds = {type_of(kind): kind for kind in subclasses(SerError)}
    kind = kinds.get(problem["type"], SerError)
    if issubclass(kind, InvalidInput):
        return kind(*(Fault(tuple(each["loc"]), each["msg"]) for each in problem["errors"]))
    return kind(problem["detail"])


def subclasses(kind: type[SerError]) -> Iterator[type[SerError]]:
    """Yield the subclasses of ``kind`` at every depth."""
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def type_of(kind: type[SerError]) -> str:
    """Return the ``type`` of the problems of a class: ``urn:ser:problem:too-large``."""
    words = "".join(f"-{each.lower()}" if each.isupper() else each for each in kind.__name__)
    return f"urn:ser:problem:{words.lstrip('-')}"
