"""A function over HTTP: routes, problem documents, health, and its own description.

functions-framework hands every path to the one function it runs, and its own crash handler tells
callers what failed inside; so nothing may escape :class:`Function`.
"""

from __future__ import annotations

import io
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from flask import Request, Response
from werkzeug import exceptions
from werkzeug.routing import Map, Rule

from ser._schemas import decode_object, shortened
from ser.errors import (
    MethodNotAllowed,
    NotFound,
    SerError,
    TooLarge,
    UnsupportedMediaType,
)
from ser.service.settings import MEGABYTE, Settings

log = logging.getLogger("ser")

PAST_BYTES = 100 * MEGABYTE
"""How much more than it may hold of a body is read, and not kept."""
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""All that a page may do in a browser: be looked at."""


class Page(NamedTuple):
    """An answer for people: HTML that needs nothing else."""

    html: bytes
    immutable: bool
    """Whether this address will never answer anything else."""


class Reply(NamedTuple):
    """A JSON object that is more than answered: it says what became of the request."""

    answer: Mapping[str, Any]
    status: int
    headers: Mapping[str, str]


Answer = Mapping[str, Any] | Page | Reply
"""A JSON object, a page, or a JSON object with a status of its own."""


class Route(NamedTuple):
    """A method and a path, and who answers."""

    method: str
    path: str
    """May have placeholders: ``/models/<model_id>/report``."""
    answer: Callable[..., Answer]
    """Takes the request, the settings and, by name, what stands in place of the placeholders."""


class Function:
    """What functions-framework calls: ``Function(...)(request)``.

    Parameters
    ----------
    routes
        The first one also answers on ``/``: where a platform mounts the function under a name of
        its own, that is the path that reaches it.
    describe
        Returns the OpenAPI document of the routes; called when it is asked for.
    """

    def __init__(self, *routes: Route, describe: Callable[[], dict[str, Any]]) -> None:
        first = routes[0]
        endpoints = sorted({route.path for route in routes if "<" not in route.path})
        told = (
            ("/healthz", lambda *_: {"status": "ok"}),
            ("/openapi.json", lambda *_: describe()),
        )
        every = (
            *routes,
            Route(first.method, "/", first.answer),
            Route("GET", "/", lambda *_: {"Status": "OK!", "Available Endpoints": endpoints}),
            # Below its own path, too: behind a gateway that it shares with others.
            *(
                Route("GET", below + path, tell)
                for below in ("", first.path)
                for path, tell in told
            ),
        )
        rules = [Rule(path, methods=[method], endpoint=answer) for method, path, answer in every]
        # With or without a slash at its end a path is answered, never redirected.
        self._routes = Map(rules, strict_slashes=False, merge_slashes=False).bind("")

    def __call__(self, request: Request) -> Response:
        request_id = request.headers.get("X-Request-Id") or str(uuid.uuid4())
        try:
            answer = self._dispatch(request)
            if not isinstance(answer, Reply):
                return respond(200, answer, request_id)
            response = respond(answer.status, answer.answer, request_id)
            response.headers.update(answer.headers)
            return response
        except SerError as error:
            log.info("%s %s: %s", request.method, request.path, error.detail)
            return problem(error, request_id)
        except Exception:
            # The last line of defence: told to the log, not to callers.
            log.exception("%s %s failed (request %s)", request.method, request.path, request_id)
            detail = "An error that is ours, not yours; the log has it under the request's id."
            return problem(SerError(detail), request_id)

    def _dispatch(self, request: Request) -> Answer:
        path = shortened(request.path)
        try:
            answer, placeholders = self._routes.match(request.path, request.method)
        except exceptions.MethodNotAllowed as error:
            allowed = sorted(error.valid_methods or ())
            refusal = MethodNotAllowed(
                f"{request.method} is not answered at {path!r}; allowed: {', '.join(allowed)}."
            )
            refusal.methods = tuple(allowed)
            raise refusal from error
        except exceptions.NotFound as error:
            paths = ", ".join(sorted({rule.rule for rule in self._routes.map.iter_rules()}))
            raise NotFound(f"There is nothing at {path!r}; there is {paths}.") from error
        found: Answer = answer(request, Settings.from_environment(), **placeholders)
        return found


def read_body(request: Request, settings: Settings) -> bytes:
    """Return the body of ``request``, whether or not it says how long it is.

    Raises
    ------
    TooLarge
        More than ``SER_MAX_BODY_MB``.
    UnsupportedMediaType
        It is compressed.
    """
    if (encoding := request.headers.get("Content-Encoding", "identity")) != "identity":
        raise UnsupportedMediaType(f"The body is encoded as {encoding!r}; allowed: not at all.")
    limit = settings.max_body_bytes
    body = request.stream.read(limit + 1)
    # A refusal is heard by who has said all he had to say; gateways lose one that comes before. So
    # the rest is read past, within reason.
    left = PAST_BYTES if len(body) > limit else 0
    while left > 0 and (passed := request.stream.read(MEGABYTE)):
        left -= len(passed)
    # functions-framework reads the body again after the answer, whatever its size.
    request.environ |= {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
    request.__dict__.pop("stream", None)
    if len(body) > limit:
        raise TooLarge(
            f"The body is larger than {limit / MEGABYTE:g} MB, the limit set by SER_MAX_BODY_MB."
        )
    return body


def read_json(request: Request, settings: Settings) -> dict[str, Any]:
    """Return the JSON object that ``request`` carries.

    Raises
    ------
    UnsupportedMediaType
        It is sent as something else.
    UnreadableRequest
        It is no JSON object.
    """
    if not is_json(request):
        raise UnsupportedMediaType(
            f"The body is sent as {request.mimetype or 'nothing'!r}; allowed: application/json."
        )
    return decode_object(read_body(request, settings))


def is_json(request: Request) -> bool:
    """Whether the body is sent as JSON."""
    return request.mimetype == "application/json" or request.mimetype.endswith("+json")


def problem(error: SerError, request_id: str) -> Response:
    """Return the RFC 9457 response that tells ``error``."""
    response = respond(error.status, {**error.problem(), "instance": request_id}, request_id)
    response.mimetype = "application/problem+json"
    response.headers.update(error.headers)
    return response


def respond(status: int, answer: Mapping[str, Any] | Page, request_id: str) -> Response:
    """Return ``answer`` as a response."""
    if isinstance(answer, Page):
        response = Response(answer.html, status=status, mimetype="text/html")
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = (
            "max-age=31536000, immutable" if answer.immutable else "no-cache"
        )
    else:
        body = msgspec.json.encode(answer) + b"\n"
        response = Response(body, status=status, mimetype="application/json")
    response.headers["X-Request-Id"] = request_id
    return response
