"""Archives over HTTP, asked for at addresses within bounds alone, through every redirect."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.client import HTTPException
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from ser.corpora.fetching._access import Access
from ser.corpora.fetching._source import (
    CHUNK,
    NOTHING,
    Answer,
    Held,
    Interrupted,
    Patience,
    translated,
    without_secrets,
)
from ser.errors import InvalidInput, RemoteFailed

MAX_REDIRECTS = 5


class GuardedConnection(HTTPConnection):
    """A connection that sends nothing to an address out of bounds, in TLS neither."""

    access: Access

    def _new_conn(self) -> socket.socket:
        # Before connecting: an open and a closed port of a private address must look the same.
        for *_, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            self.access.address(self.host, str(address[0]))
        connected = super()._new_conn()
        try:
            # And after: the name may stand for another address when it is asked for again.
            self.access.address(self.host, connected.getpeername()[0])
        except (InvalidInput, OSError):
            connected.close()
            raise
        return connected


class GuardedTLSConnection(GuardedConnection, HTTPSConnection):
    """The same over TLS, with the certificate verified."""


CONNECTIONS: dict[str | None, type[GuardedConnection]] = {
    "http": GuardedConnection,
    "https": GuardedTLSConnection,
}


def parsed(url: str) -> Url:
    """The parts of a URL that can be asked for over HTTP."""
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise InvalidInput(
            f"{without_secrets(url)!r} is not a URL; allowed: http(s)://host/path"
        ) from error
    if parts.scheme not in CONNECTIONS or not parts.host:
        raise InvalidInput(
            f"{without_secrets(url)!r} cannot be fetched; allowed: http(s)://host/path"
        )
    if parts.auth:
        raise InvalidInput(
            f"a user or password stands before {parts.host!r}, and would not be sent; "
            "allowed: http(s)://host/path"
        )
    return parts


@contextmanager
def over_http(url: str, access: Access, patience: Patience, held: Held) -> Iterator[Answer]:
    hop = url
    for _ in range(1 + MAX_REDIRECTS):
        with ExitStack() as stack:
            response = ask(hop, access, patience, held, stack)
            if location := response.get_redirect_location():
                hop = next_hop(hop, location)
            elif answer := answer_of(response, held):
                yield answer
                return
            elif held.size and response.status in (206, 416):
                held = NOTHING
            else:
                raise RemoteFailed(
                    f"{without_secrets(hop)} answered {response.status} {response.reason}"
                )
    raise RemoteFailed(f"{without_secrets(url)} redirects more than {MAX_REDIRECTS} times")


def next_hop(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        target = without_secrets(location)
        raise RemoteFailed(
            f"{without_secrets(url)} redirects to {target!r}, which is not a URL"
        ) from error


def ask(
    url: str, access: Access, patience: Patience, held: Held, stack: ExitStack
) -> BaseHTTPResponse:
    """The head of the answer to a GET for what comes after ``held``."""
    parts = parsed(url)
    connection = CONNECTIONS[parts.scheme](
        str(parts.host).strip("[]"), parts.port, timeout=patience.connect
    )
    connection.access = access
    stack.enter_context(closing(connection))
    after = {"Range": f"bytes={held.size}-", "If-Range": held.validator} if held.size else {}
    with transport_errors():
        connection.connect()
        connection.timeout = patience.read
        # Nothing is decoded on the way: offsets and sizes are those of the bytes as sent.
        connection.request(
            "GET", parts.request_uri, headers=after, preload_content=False, decode_content=False
        )
        return stack.enter_context(closing(connection.getresponse()))


def answer_of(response: BaseHTTPResponse, held: Held) -> Answer | None:
    """What ``response`` delivers; ``None`` for nothing, or a piece that does not fit behind."""
    etag = response.headers.get("ETag", "")
    # A weak ETag, W/"...", may stay the same while bytes change.
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    start, total = 0, response.length_remaining
    if response.status == 206:
        content_range = response.headers.get("Content-Range", "")
        span = re.fullmatch(rf"bytes {held.size}-\d+/(\d{{1,18}})", content_range)
        if not span or not held.size or validator != held.validator:
            return None
        start, total = held.size, int(span[1])
    elif response.status != 200:
        return None
    chunks = iter(partial(response.read1, CHUNK), b"")
    content_type = response.headers.get("Content-Type", "")
    return Answer(start, total, validator, content_type, translated(chunks, transport_errors))


@contextmanager
def transport_errors() -> Iterator[None]:
    try:
        yield
    except (HTTPError, HTTPException, OSError, UnicodeError) as error:
        raise Interrupted(str(error.__cause__ or error)) from error
