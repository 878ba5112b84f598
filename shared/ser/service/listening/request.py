"""The opening of a listener's connection: its fields, and its sender."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from msgspec import Meta
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from ser._schemas import Name, Schema, shown
from ser._segments import STEP, WINDOW
from ser.errors import Fault
from ser.service.bodies import joined
from ser.service.inference.request import ModelSavePath, read_request, registry_faults
from ser.service.inference.timelines import Seconds
from ser.service.problems import Forbidden
from ser.service.settings import ANY_ORIGIN, Settings

PROTOCOL = "ser"
"""The subprotocol that the server selects, if a client offers any."""
KEY_PROTOCOL = "bearer."
"""Beginning of the subprotocol that holds a key: scripts in browsers can set no other header."""

Format = Literal["s16le", "opus"]


class ListenRequest(Schema, frozen=True, kw_only=True):
    """The query of GET /listen."""

    model_id: Name | None = None
    model_save_path: ModelSavePath = None
    window: Seconds = WINDOW
    step: Seconds = STEP
    format: Format = "s16le"
    abstain_below: Annotated[float, Meta(ge=0, le=1)] | None = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del values
        yield from registry_faults(given)


def opening_of(path: str, headers: list[tuple[str, str]], address: str) -> Request:
    """Return the request that opened a connection from ``address``.

    A key among its subprotocols is moved to the header ``Authorization``.
    """
    query = path.partition("?")[2]
    builder = EnvironBuilder("/listen", query_string=query, environ_base={"REMOTE_ADDR": address})
    # Unlike the builder, which sets its own, each header as it was sent.
    environ = builder.get_environ()
    environ.pop("HTTP_HOST", None)
    for name, value in headers:
        key = f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    for offered in environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", "").split(","):
        if offered.strip().startswith(KEY_PROTOCOL):
            environ["HTTP_AUTHORIZATION"] = f"Bearer {offered.strip()[len(KEY_PROTOCOL) :]}"
    return Request(environ)


def with_key(request: Request, key: str) -> Request:
    """Return ``request`` with ``key`` in its header ``Authorization``."""
    return Request({**request.environ, "HTTP_AUTHORIZATION": f"Bearer {key}"})


def require_origin(request: Request, settings: Settings) -> None:
    """Check that the page that opens the connection, if it is a page, may do so.

    Browsers let pages of all origins open WebSockets, and leave the check to the server.

    Raises
    ------
    Forbidden
        The page has another origin than the server, and none of ``SER_ALLOWED_ORIGINS``.
    """
    origin = request.headers.get("Origin", "").lower()
    if not origin or {origin, ANY_ORIGIN} & settings.allowed_origins:
        return
    if urlsplit(origin).netloc != request.headers.get("Host", "").lower():
        raise Forbidden(
            f"Pages of {shown(origin)} may not listen; allowed: those of this server, and further "
            "origins in SER_ALLOWED_ORIGINS."
        )


def fields_of(request: Request, settings: Settings) -> ListenRequest:
    """Return the fields in the query of ``request``; raise as :func:`.read_request`."""
    return read_request(ListenRequest, joined(request.args), settings)
