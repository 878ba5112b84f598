"""The errors that ``ser`` raises on purpose.

Every failure with a cause outside the code is one of these; any other exception is a defect.

    SerError
    ├── InvalidInput  one or more invalid values: one fault for each (also a ValueError)
    ├── NotFound      a model, alias, sample or path that does not exist (also a LookupError)
    ├── Conflict      the current state forbids the operation; trying again does not help
    │   └── AlteredModel  stored bytes that do not match their manifest
    ├── TooLarge      a body, sound or archive above its limit
    ├── RemoteFailed  another server failed or did not answer
    ├── Busy          the limit of work in progress is reached; trying again later helps
    └── StorageFull   no space left to write

A message names the offending value and the allowed ones. :mod:`ser.service.problems` maps the
errors to HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ser._secrets import without_secrets

Location = tuple[str | int, ...]
"""The path to a value: field names and list indices, outermost first."""


MAX_FAULTS = 100
"""Largest number of faults that a message or an answer lists."""


class Fault(NamedTuple):
    """One invalid value: its location and the reason; as a string ``path.to.value: reason``."""

    loc: Location
    msg: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (".".join(map(str, self.loc)), self.msg)))


def first_faults(faults: Sequence[Fault]) -> list[Fault]:
    """Return the first :data:`MAX_FAULTS` of ``faults``, and one more that counts the others."""
    if len(faults) <= MAX_FAULTS:
        return list(faults)
    return [*faults[:MAX_FAULTS], Fault((), f"and {len(faults) - MAX_FAULTS:,} more")]


class SerError(Exception):
    """Base of all errors; ``detail`` explains the failure in one or more sentences.

    Messages reach callers, logs and stored jobs, so none keeps a secret that it is made of.
    """

    def __init__(self, detail: str) -> None:
        self.detail = without_secrets(detail)
        super().__init__(self.detail)


class InvalidInput(SerError, ValueError):
    """One or more invalid values; ``faults`` contains an entry for each.

    Code that finds an invalid value gives only the reason; callers that know the origin of the
    value add its location with :func:`within`.
    """

    def __init__(self, *faults: Fault | str) -> None:
        self.faults = [
            fault_without_secrets(Fault((), each) if isinstance(each, str) else each)
            for each in faults
        ]
        super().__init__("; ".join(map(str, first_faults(self.faults))))

    def __reduce__(self) -> tuple[type[InvalidInput], tuple[Fault, ...]]:
        # Pickling keeps the faults, not only their text.
        return type(self), tuple(self.faults)


def fault_without_secrets(fault: Fault) -> Fault:
    """Return ``fault`` without secrets in its location, which callers may have named, or reason."""
    loc = (without_secrets(part) if isinstance(part, str) else part for part in fault.loc)
    return Fault(tuple(loc), without_secrets(fault.msg))


class NotFound(SerError, LookupError):
    """A model, alias, sample or path that does not exist."""


class Conflict(SerError):
    """The current state forbids the operation; trying again does not help."""


class AlteredModel(Conflict):
    """Stored bytes that do not match their manifest."""


class TooLarge(SerError):
    """A body, sound or archive above its limit."""


class RemoteFailed(SerError):
    """Another server failed or did not answer."""


class Busy(SerError):
    """The limit of work in progress is reached; trying again later helps."""


class StorageFull(SerError):
    """No space is left to write."""


@contextmanager
def within(*loc: str | int) -> Iterator[None]:
    """Prefix ``loc`` to the location of every fault raised inside as :class:`InvalidInput`."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(
            *(Fault((*loc, *fault.loc), fault.msg) for fault in error.faults)
        ) from error
