"""Routes: the operations of the functions, as :mod:`.http` runs and :mod:`.openapi` documents them.

A route has no handler, so that one function can document the operations of the other one without
importing the code behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from ser._schemas import Schema
from ser.service.answers import Health
from ser.service.bodies import JSON_TYPE, Fields, Form
from ser.service.callers import ANYONE, Caller, Scope
from ser.service.settings import Settings

RequestT = TypeVar("RequestT")

READY_PATH, METRICS_PATH = "/readyz", "/metrics"
METRICS_TYPE = "application/openmetrics-text"
RESPOND_ASYNC = "respond-async"
"""The preference (RFC 7240) for a job instead of an answer."""
ASYNC_HEADERS = {
    "Prefer": "`respond-async` (RFC 7240) asks for a job instead of an answer; granted where "
    "the setting `SER_JOBS_URI` names a place for jobs."
}


class Html(NamedTuple):
    """The answer of an operation for people: an HTML page."""

    description: str


class Binary(NamedTuple):
    """The answer of an operation that is a file."""

    description: str


class Text(NamedTuple):
    """The answer of an operation for other programs: text in a format of theirs."""

    media_type: str


class OtherAnswer(NamedTuple):
    """An answer with a status other than 200."""

    answer: type[msgspec.Struct]
    description: str
    headers: Mapping[str, str]
    """Descriptions of its headers by name."""


class Route(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One operation: a method on a path, with the types of its request and its answers."""

    method: str
    path: str
    """A path with or without placeholders: ``/models/{model_id}/report``."""
    short_path: str | None = None
    """A second path, without the name of the function."""
    is_probe: bool = False
    """Whether the machine of the function itself needs no key."""
    is_page: bool = False
    """Whether it is a part of the page in browsers: the same for all callers, so it needs no key,
    and it is not documented."""
    operation: str
    """A name that is unique among the operations of both functions (``operationId``)."""
    tag: str
    """The function that answers."""
    summary: str
    answer: type[msgspec.Struct] | Html | Text | Binary
    """The answer with status 200."""
    forms: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Descriptions of the same answer in other media types, by media type."""
    others: Mapping[int, OtherAnswer] = msgspec.field(default_factory=dict)
    """Answers with other statuses, errors excepted."""
    problems: tuple[int, ...] = ()
    """Statuses of the problem documents that are specific to the operation."""
    scope: Scope | None = None
    """The permission that the operation needs once callers have keys; ``None``: no key."""
    request: type[Schema] | None = None
    """The fields of the request, in the body if there is one, else in path and query."""
    parse: Callable[[Fields, Settings], Any] | None = None
    """Returns the request that its fields make up; ``None``: ``request`` alone validates them."""
    reads: tuple[Form, ...] = ()
    """The forms of the body; empty for an operation without one."""
    body: str = ""
    """A description of the body."""
    lists: frozenset[str] = frozenset()
    """Names of the fields that a form or a query may give several times."""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Descriptions by name of the request headers that the operation reads."""
    fields: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Descriptions by name of the fields of ``request`` that have none in their type."""
    example: Any = None
    """A request."""
    answer_example: Any = None


def is_client_gone() -> bool:
    """Return ``False``: the answer where the server does not know."""
    return False


class Call(msgspec.Struct, Generic[RequestT], frozen=True, kw_only=True):
    """A request that has passed all checks, as its handler receives it."""

    request: RequestT
    path: Mapping[str, str]
    """The values of the placeholders in the path."""
    headers: Mapping[str, str]
    form: str = JSON_TYPE
    """The media type that the client prefers among those of the answer."""
    preferences: frozenset[str]
    """The tokens of all ``Prefer`` headers (RFC 7240), in lower case and without parameters."""
    settings: Settings
    caller: Caller = ANYONE
    is_client_gone: Callable[[], bool] = is_client_gone
    """Returns whether the client has closed its connection, so far as the server knows that."""

    @property
    def wants_job(self) -> bool:
        """Whether the client prefers a job to an answer, and this server keeps jobs."""
        return RESPOND_ASYNC in self.preferences and self.settings.jobs_uri is not None


def job_answer(answer: type[msgspec.Struct]) -> OtherAnswer:
    """Return the documentation of the answer with a new job."""
    return OtherAnswer(
        answer,
        "The job that was created on `Prefer: respond-async`.",
        {
            "Location": "The path of the job.",
            "Retry-After": "Seconds to wait before asking for the job.",
            "Preference-Applied": "`respond-async`",
        },
    )


def health_of(name: str) -> Route:
    """Return the health route of the function ``name``."""
    return Route(
        method="GET",
        path=f"/{name}/healthz",
        operation=f"get_{name}_health",
        tag=name,
        summary=f"Check that {name} is running",
        answer=Health,
        answer_example={"status": "ok"},
    )


def readiness_of(name: str) -> Route:
    """Return the route of the readiness of the function ``name``."""
    return Route(
        method="GET",
        path=f"/{name}/readyz",
        short_path=READY_PATH,
        is_probe=True,
        operation=f"get_{name}_readiness",
        tag=name,
        summary=f"Check that {name} can answer: 503 names the store or the model that fails",
        scope="observe",
        answer=Health,
        answer_example={"status": "ok"},
    )


def metrics_of(name: str) -> Route:
    """Return the route of the metrics of the function ``name``."""
    return Route(
        method="GET",
        path=f"/{name}/metrics",
        short_path=METRICS_PATH,
        operation=f"get_{name}_metrics",
        tag=name,
        summary=f"Get the metrics of {name} for Prometheus",
        scope="observe",
        answer=Text(METRICS_TYPE),
    )
