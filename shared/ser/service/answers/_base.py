"""The base of all answers, and the answers that do not belong to one function."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all answers and their parts."""


class Status(Answer, frozen=True, kw_only=True):
    """The answer of a function's root."""

    status: Annotated[str, Meta(description="`OK!`")] = msgspec.field(name="Status")
    endpoints: Annotated[list[str], Meta(description="The paths of the function.")] = msgspec.field(
        name="Available Endpoints"
    )


class Health(Answer, frozen=True, kw_only=True):
    """The state of a function."""

    status: Annotated[str, Meta(description="`ok` while the function is running.")]


class Problem(Answer, frozen=True, kw_only=True):
    """A problem document (RFC 9457)."""

    type: Annotated[str, Meta(description="A URN that identifies the kind of problem.")]
    title: Annotated[str, Meta(description="The kind of problem in words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[
        str, Meta(description="An explanation that names the bad value and the allowed ones.")
    ]
    errors: Annotated[
        list[ProblemError] | UnsetType,
        Meta(description="With status 422: one entry for each fault."),
    ] = UNSET
    instance: Annotated[
        str | UnsetType,
        Meta(description="Id of the request; absent where a job or one of several sounds failed."),
    ] = UNSET


class ProblemError(Answer, frozen=True, kw_only=True):
    """One bad value of a request."""

    loc: Annotated[
        list[str | int],
        Meta(description="Path to the value: field names and list indices, outermost first."),
    ]
    msg: Annotated[str, Meta(description="The reason, with the allowed values.")]
