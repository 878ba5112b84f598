"""A function over HTTP: it finds the route of a request, runs its handler and answers.

Two servers run it: that of :mod:`ser.service.serving`, which needs werkzeug alone, and
functions-framework, whose requests and responses are Flask's, subclasses of werkzeug's. Both hand
every path to the one function, and the crash handler of functions-framework reveals internals to
callers; so no exception may escape :class:`Function`.
"""

from __future__ import annotations

import io
import logging
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import msgspec
from werkzeug import exceptions
from werkzeug.datastructures import MultiDict
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import wrap_file

from ser._schemas import parse, shortened
from ser.errors import NotFound, SerError, TooLarge
from ser.service import callers, origins, problems
from ser.service.answers import Health, JobState, Status
from ser.service.bodies import JSON_TYPE, end_input, joined, read_fields
from ser.service.callers import ANYONE, Caller
from ser.service.environment import CLIENT_GONE, REFUSAL
from ser.service.logs import keep_secrets_out_of_logs
from ser.service.observation import Observation, observed, stage
from ser.service.observer import Observer
from ser.service.problems import MethodNotAllowed, UnreadableRequest
from ser.service.routes import RESPOND_ASYNC, Call, Route, is_client_gone
from ser.service.settings import MEGABYTE, Settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

log = logging.getLogger("ser")

PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
)
"""Allows a page to be displayed, and nothing else."""


JOB_SECONDS = 2
"""Seconds after which a client may ask for a new job."""


class Page(NamedTuple):
    """An answer for people: HTML without external resources."""

    html: bytes
    immutable: bool
    """Whether the address always answers with this page."""


class Plain(NamedTuple):
    """An answer in another media type than JSON."""

    text: bytes
    media_type: str


class Reply(NamedTuple):
    """An answer with its own status and headers."""

    answer: msgspec.Struct
    status: int
    headers: Mapping[str, str]

    @classmethod
    def of_job(cls, job: JobState, path: str) -> Reply:
        """Return the answer to a request that prefers ``respond-async``: the new ``job``, whose
        address is below ``path``."""
        headers = {
            "Location": f"{path}/{job.job_id}",
            "Retry-After": str(JOB_SECONDS),
            "Preference-Applied": RESPOND_ASYNC,
        }
        return cls(job, 202, headers)


class File(NamedTuple):
    """An answer that is a file, whose headers say all about it. Its size has a limit of its own."""

    open: Callable[[], BinaryIO]
    """Returns the file from its beginning; it is called only if the content is sent."""
    headers: Mapping[str, str]
    """Those of the content as it is stored; the only ``Content-Encoding`` is ``gzip``."""


class Lines(NamedTuple):
    """An answer in parts that are sent as they are computed, each as a line of JSON."""

    values: Iterator[msgspec.Struct]
    media_type: str


BoundedAnswer = msgspec.Struct | Mapping[str, Any] | Page | Plain | Reply | Lines
Answer = BoundedAnswer | File
Handler = Callable[[Call[Any]], Answer]


class Exchange(msgspec.Struct):
    """A request in the pipeline, with the results of the steps so far."""

    request: Request
    request_id: str = ""
    settings: Settings = msgspec.field(default_factory=Settings)
    route: Route | None = None
    """``None`` for a path that is served but not documented."""
    handler: Handler | None = None
    path: Mapping[str, str] = msgspec.field(default_factory=dict)
    caller: Caller = ANYONE
    seen: Observation = msgspec.field(default_factory=Observation)


Proceed = Callable[[Exchange], Response]
Step = Callable[[Exchange, Proceed], Response]


class Function:
    """A function of a request, ``Function(...)(request)``, and as a WSGI :meth:`application`.

    Beside its routes it answers ``/`` (the first route, and a status on ``GET``), ``/healthz`` and
    ``/openapi.json``, the latter also below the path of the first route.

    Parameters
    ----------
    bindings
        Routes with their handlers. The first one also answers on ``/``, the only path of a function
        that a platform mounts under its own name. Those with ``is_page`` answer requests that
        prefer HTML, also on paths that answer others with JSON.
    """

    def __init__(self, *bindings: tuple[Route, Handler]) -> None:
        self._routes = tuple(route for route, _ in bindings if not route.is_page)
        self._pages = {each[0].path: each for each in bindings if each[0].is_page}
        shown = [each for each in bindings if not self._has_other_form(each[0])]
        keep_secrets_out_of_logs()
        first, handler = bindings[0]
        endpoints = {
            route.path
            for route in self._routes
            if "{" not in route.path and route.answer is not Health and not route.short_path
        }
        status = Status(status="OK!", endpoints=sorted(endpoints))
        rules = [
            *(rule(route.method, route.path, route, handler) for route, handler in shown),
            *(
                rule(route.method, route.short_path, route, handler)
                for route, handler in bindings
                if route.short_path
            ),
            rule(first.method, "/", first, handler),
            rule("GET", "/", None, lambda _: status),
            rule("GET", "/healthz", None, get_health),
            rule("GET", "/openapi.json", None, self._describe_address),
            rule("GET", f"{first.path}/openapi.json", None, self._describe),
        ]
        # A slash at the end of a path is ignored; a redirect would lose the body.
        self._map = Map(rules, strict_slashes=False, merge_slashes=False).bind("")
        # In this order before the handler, in the opposite order after it.
        steps: tuple[Step, ...] = (
            Observer(first.tag),
            identify,
            share_with_origins,
            report_errors,
            read_settings,
            check_host,
            refuse,
            self._match,
            authenticate,
        )
        self._pipeline: Proceed = answer
        for step in reversed(steps):
            self._pipeline = partial(run_step, step, self._pipeline)

    def __call__(self, request: Request) -> Response:
        response = self._pipeline(Exchange(request))
        end_input(request)
        return response

    def application(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request by WSGI."""
        return self(Request(environ))(environ, start_response)

    def _has_other_form(self, page: Route) -> bool:
        """Return whether ``page`` is the form for browsers of what others get as JSON."""
        return page.is_page and page.path in {"/", *(each.path for each in self._routes)}

    def _match(self, exchange: Exchange, proceed: Proceed) -> Response:
        """Find the route and the handler; answer OPTIONS; refuse unknown paths and methods."""
        request = exchange.request
        require_text(request.query_string)
        path = shortened(request.path)
        try:
            (exchange.route, exchange.handler), exchange.path = self._map.match(
                request.path, request.method
            )
        except exceptions.MethodNotAllowed as error:
            allowed = tuple(sorted({*(error.valid_methods or ()), "OPTIONS"}))
            if request.method == "OPTIONS":
                return Response(status=204, headers={"Allow": ", ".join(allowed)})
            raise MethodNotAllowed(
                f"{path!r} does not answer {request.method}; allowed: {', '.join(allowed)}.",
                allowed,
            ) from error
        except exceptions.NotFound as error:
            rules = {each.rule for each in self._map.map.iter_rules()}
            paths = ", ".join(sorted(with_braces(each) for each in rules))
            raise NotFound(f"There is no path {path!r}; allowed: {paths}.") from error
        page = self._pages.get(request.path.rstrip("/") or "/")
        if page and request.method in ("GET", "HEAD"):
            if prefers_html(request):
                exchange.route, exchange.handler = page
            if exchange.route is page[0] and request.path != page[0].path:
                # The links of a document are relative to its path.
                response = Response(status=308, headers={"Location": f"..{page[0].path}"})
            else:
                response = proceed(exchange)
            # Otherwise a cache would give the page to programs, or JSON to browsers.
            response.vary.add("Accept")
            return response
        return proceed(exchange)

    def _describe(self, call: Call[Any]) -> Mapping[str, Any]:
        """Return the OpenAPI document of this function."""
        # Imported here, because documents are requested rarely and cold starts must be short.
        from ser.service.openapi import openapi_document

        return openapi_document(self._routes, call.settings)

    def _describe_address(self, call: Call[Any]) -> Mapping[str, Any]:
        """Return the OpenAPI document of all functions at this address."""
        if not call.settings.gateway:
            return self._describe(call)
        from ser.service.openapi import openapi_document, routes_of_all_functions

        return openapi_document(routes_of_all_functions(), call.settings)


def get_health(_call: Call[Any]) -> Health:
    """Return the health of a function that is running."""
    return Health(status="ok")


def require_text(query: bytes) -> None:
    """Raise :class:`UnreadableRequest` unless ``query`` is in UTF-8, which its readers expect."""
    try:
        query.decode()
    except UnicodeDecodeError as error:
        raise UnreadableRequest(
            f"The query is not in UTF-8: {error}; allowed: other bytes as %XX."
        ) from error


def prefers_html(request: Request) -> bool:
    """Return whether ``request`` is that of a browser, which prefers HTML to JSON."""
    accepted = request.accept_mimetypes
    return accepted.best_match([JSON_TYPE, "text/html"], default=JSON_TYPE) == "text/html"


def rule(method: str, path: str, route: Route | None, handler: Handler) -> Rule:
    """Return the rule of werkzeug that leads from a method and a path to a handler."""
    path = path.replace("{", "<").replace("}", ">")
    return Rule(path, methods=[method], endpoint=(route, handler))


def with_braces(rule: str) -> str:
    """Return the path of a rule as documents write it."""
    return rule.replace("<", "{").replace(">", "}")


def run_step(step: Step, proceed: Proceed, exchange: Exchange) -> Response:
    """Run ``step``, which calls ``proceed`` for the rest of the pipeline."""
    return step(exchange, proceed)


def identify(exchange: Exchange, proceed: Proceed) -> Response:
    """Give the request an id unless it has one, and repeat the id in the response."""
    exchange.request_id = exchange.request.headers.get("X-Request-Id") or str(uuid.uuid4())
    response = proceed(exchange)
    response.headers["X-Request-Id"] = exchange.request_id
    return response


def share_with_origins(exchange: Exchange, proceed: Proceed) -> Response:
    """Let web pages of the origins in ``SER_ALLOWED_ORIGINS`` read the response."""
    response = proceed(exchange)
    origins.share(exchange.request, response, exchange.settings.allowed_origins)
    return response


def report_errors(exchange: Exchange, proceed: Proceed) -> Response:
    """Answer errors with problem documents; log defects and keep their details from callers."""
    request = exchange.request
    try:
        return proceed(exchange)
    except SerError as error:
        log.info("%s %s: %s", request.method, request.path, error.detail)
        return problem_response(error, exchange.request_id)
    except Exception:
        request_id = exchange.request_id
        log.exception("%s %s failed (request %s)", request.method, request.path, request_id)
        detail = "Internal error; the log has its cause under the id of the request."
        return problem_response(SerError(detail), request_id)


def read_settings(exchange: Exchange, proceed: Proceed) -> Response:
    """Read the settings, which may change between requests."""
    exchange.settings = Settings.from_environment()
    return proceed(exchange)


def check_host(exchange: Exchange, proceed: Proceed) -> Response:
    """Refuse a request that names another server as its host."""
    callers.require_host(exchange.request, exchange.settings)
    return proceed(exchange)


def refuse(exchange: Exchange, proceed: Proceed) -> Response:
    """Refuse a request that the server has not received whole."""
    if error := exchange.request.environ.get(REFUSAL):
        raise error
    return proceed(exchange)


def authenticate(exchange: Exchange, proceed: Proceed) -> Response:
    """Find out who sends the request, before its body is read. The health needs no key, nor do the
    page, which asks its user for one, and a probe of the machine itself."""
    route = exchange.route
    needs_none = route is not None and (
        (route.is_probe and callers.is_from_this_machine(exchange.request))
        or (route.is_page and exchange.settings.api_keys is not None)
    )
    if exchange.handler is not get_health and not needs_none:
        scope = route.scope if route else None
        exchange.caller = callers.caller_of(exchange.request, exchange.settings, scope)
    return proceed(exchange)


def answer(exchange: Exchange) -> Response:
    """Parse the request and answer it: the end of the pipeline."""
    assert exchange.handler is not None
    headers = exchange.request.headers
    preferences = ",".join(headers.getlist("Prefer")).split(",")
    with stage("read"):
        parsed = parse_request(exchange, exchange.route) if exchange.route else None
    call = Call(
        request=parsed,
        path=exchange.path,
        headers=dict(headers),
        form=preferred_form(exchange.request, exchange.route),
        preferences=frozenset(each.partition(";")[0].strip().lower() for each in preferences),
        settings=exchange.settings,
        caller=exchange.caller,
        is_client_gone=exchange.request.environ.get(CLIENT_GONE, is_client_gone),
    )
    found = exchange.handler(call)
    if isinstance(found, File):
        return send(found, exchange.request)
    return bounded(respond(found, exchange.request_id), exchange.settings)


def send(file: File, request: Request) -> Response:
    """Return the response that carries ``file``, unless the client has it or asks for its headers.

    A file that is stored compressed is unpacked for a client that does not ask for that coding.
    The server reads the file as its client does (``wsgi.file_wrapper``, PEP 3333): a copy of each
    answer that waits for its client would fill memory or disk.
    """
    response = Response(headers=file.headers)
    response.headers["X-Content-Type-Options"] = "nosniff"
    packed = response.headers.get("Content-Encoding")
    unpacks = packed is not None and not request.accept_encodings[packed]
    if packed is not None:
        response.vary.add("Accept-Encoding")
    if unpacks:
        del response.headers["Content-Encoding"]
    response.make_conditional(request)
    # The length of a file that is not opened is unknown, not 0.
    response.response = iter(())
    del response.headers["Content-Length"]
    if response.status_code != 304 and request.method != "HEAD":
        content = unpacked(file.open()) if unpacks else file.open()
        response.content_length = content.seek(0, io.SEEK_END)
        content.seek(0)
        response.response = wrap_file(request.environ, content)
        response.direct_passthrough = True
    return response


def unpacked(content: BinaryIO) -> BinaryIO:
    """Return the content that ``content`` has compressed by gzip, unpacked while it is read."""
    # Imported here, because nearly every client asks for gzip, and cold starts must be short.
    from gzip import GzipFile

    return cast(BinaryIO, GzipFile(fileobj=content))


def preferred_form(request: Request, route: Route | None) -> str:
    """Return the media type that ``request`` prefers for its answer; JSON if it names no other."""
    if route is None or not route.forms:
        return JSON_TYPE
    return request.accept_mimetypes.best_match([JSON_TYPE, *route.forms], default=JSON_TYPE)


def parse_request(exchange: Exchange, route: Route) -> Any:
    """Return the request as the type that ``route`` states."""
    if route.reads:
        fields = read_fields(exchange.request, route.reads, exchange.settings, route.lists)
    else:
        fields = joined(exchange.request.args, MultiDict(exchange.path))
    if route.parse:
        return route.parse(fields, exchange.settings)
    return parse(route.request, fields) if route.request else None


def respond(answer: BoundedAnswer, request_id: str) -> Response:
    """Return the response that carries ``answer``."""
    match answer:
        case Page(html, immutable):
            response = Response(html, mimetype="text/html")
            response.headers["Content-Security-Policy"] = PAGE_POLICY
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers["Cache-Control"] = (
                "max-age=31536000, immutable" if immutable else "no-cache"
            )
        case Plain(text, media_type):
            response = Response(text, content_type=media_type)
            response.headers["X-Content-Type-Options"] = "nosniff"
        case Lines(values, media_type):
            # Errors before the first line have a status of their own.
            first = next(values)
            lines = encoded_lines(first, values, request_id)
            response = Response(lines, mimetype=media_type)
            # Gateways of nginx would keep the lines until there are many.
            response.headers["X-Accel-Buffering"] = "no"
        case Reply(value, status, headers):
            response = Response(encoded(value), status=status, mimetype=JSON_TYPE)
            response.headers.update(headers)
        case _:
            response = Response(encoded(answer), mimetype=JSON_TYPE)
    return response


def bounded(response: Response, settings: Settings) -> Response:
    """Return ``response`` unless it is larger than ``SER_MAX_ANSWER_MB``."""
    if (response.content_length or 0) > settings.max_answer_bytes:
        raise TooLarge(
            f"The answer is larger than {settings.max_answer_bytes / MEGABYTE:g} MB, the limit "
            "set by SER_MAX_ANSWER_MB; ask for less at once."
        )
    return response


def encoded(value: object) -> bytes:
    """Return ``value`` as one line of JSON."""
    return msgspec.json.encode(value) + b"\n"


def encoded_lines(
    first: msgspec.Struct, others: Iterator[msgspec.Struct], request_id: str
) -> Iterator[bytes]:
    """Yield each value as a line of JSON; an error becomes a problem document as the last line."""
    try:
        yield encoded(first)
        for each in others:
            yield encoded(each)
    except SerError as error:
        yield encoded(noted_problem(error, request_id))
    except Exception:
        log.exception("An answer ended early (request %s)", request_id)
        detail = "Internal error; the log has its cause under the id of the request."
        yield encoded(noted_problem(SerError(detail), request_id))
    finally:
        # If the client has gone, nothing more is computed.
        if isinstance(others, Generator):
            others.close()


def noted_problem(error: SerError, request_id: str) -> dict[str, Any]:
    """Return the problem document of ``error``, after noting it for the log and the metrics."""
    document = problems.document(error)
    observed().note_problem(document)
    return {**document, "instance": request_id}


def problem_response(error: SerError, request_id: str) -> Response:
    """Return the RFC 9457 response that reports ``error``."""
    response = Response(encoded(noted_problem(error, request_id)), status=problems.status_of(error))
    response.mimetype = problems.MEDIA_TYPE
    response.headers.update(problems.headers_of(error))
    return response
