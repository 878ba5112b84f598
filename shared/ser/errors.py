"""What can go wrong, told to the caller.

Every error that is the caller's to read is one of these; anything else is a defect of ours and
reaches the caller as a bare 500.

    SerError
    ├── UnreadableRequest     400  not JSON, not an object, broken multipart
    ├── NotFound              404  no such model, alias, sample or path
    ├── MethodNotAllowed      405  the path exists, the method does not
    ├── Conflict              409  the state of the world forbids it; asking again does not help
    │   └── AlteredModel      409  stored bytes do not match their manifest
    ├── TooLarge              413  body, sound or archive above its limit
    ├── UnsupportedMediaType  415  a body of a kind nobody reads
    ├── InvalidInput          422  understood, and does not fit: one fault per bad value
    ├── RemoteFailed          502  another server did not deliver
    ├── Busy                  503  as much work under way as is allowed; ask again later
    └── StorageFull           507  no room to write

A message names the offending value and what is allowed. Errors cross a process as the problem
document of :meth:`SerError.problem` (RFC 9457) and come back with :func:`from_problem`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

Location = tuple[str | int, ...]


class Fault(NamedTuple):
    """One bad value: where it stands (field names and list indices, outermost first) and why."""

    loc: Location
    msg: str


class SerError(Exception):
    """Root of the errors a caller may read. ``detail`` is one sentence or more, in plain words."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    @property
    def headers(self) -> dict[str, str]:
        """What HTTP says of it beside the document."""
        return {}

    def problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem document (without ``instance``)."""
        return {
            "type": f"urn:ser:problem:{kebab(type(self).__name__)}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }


class UnreadableRequest(SerError):
    status = 400
    title = "The request cannot be read"


class NotFound(SerError):
    status = 404
    title = "Not found"


class MethodNotAllowed(SerError):
    status = 405
    title = "Method not allowed"
    methods: tuple[str, ...] = ()
    """Those that are allowed."""

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.methods)}


class Conflict(SerError):
    status = 409
    title = "Conflict"


class AlteredModel(Conflict):
    title = "The stored model does not match its manifest"


class TooLarge(SerError):
    status = 413
    title = "Too large"


class UnsupportedMediaType(SerError):
    status = 415
    title = "Unsupported media type"


class RemoteFailed(SerError):
    status = 502
    title = "A remote failed"


class Busy(SerError):
    status = 503
    title = "Busy"

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "5"}  # seconds


class StorageFull(SerError):
    status = 507
    title = "No space left"


class InvalidInput(SerError, ValueError):
    """One or many values that do not fit; ``faults`` holds an entry for each.

    Code that finds a bad value says only what is wrong with it; the callers that know where the
    value came from add the place with :func:`within`.
    """

    status = 422
    title = "The request does not fit"

    def __init__(self, *faults: Fault | str) -> None:
        self.faults = [Fault((), fault) if isinstance(fault, str) else fault for fault in faults]
        super().__init__("; ".join(describe(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[InvalidInput], tuple[Fault, ...]]:
        # The faults, not their text, cross from one process to another.
        return type(self), tuple(self.faults)

    def problem(self) -> dict[str, Any]:
        errors = [{"loc": list(fault.loc), "msg": fault.msg} for fault in self.faults]
        return super().problem() | {"errors": errors}


def describe(fault: Fault) -> str:
    """``place.of.value: what is wrong``."""
    return ": ".join(filter(None, (".".join(map(str, fault.loc)), fault.msg)))


@contextmanager
def within(*loc: str | int) -> Iterator[None]:
    """Say of every :class:`InvalidInput` raised inside that its values stand below ``loc``."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(
            *(Fault((*loc, *fault.loc), fault.msg) for fault in error.faults)
        ) from error


def from_problem(problem: dict[str, Any]) -> SerError:
    """The error that ``problem`` was made from by :meth:`SerError.problem`."""
    for kind in subclasses(SerError):
        if problem["type"] == f"urn:ser:problem:{kebab(kind.__name__)}":
            if issubclass(kind, InvalidInput):
                return kind(*(Fault(tuple(e["loc"]), e["msg"]) for e in problem["errors"]))
            return kind(problem["detail"])
    return SerError(problem["detail"])


def subclasses(kind: type[SerError]) -> Iterable[type[SerError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def kebab(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")
