"""Archives over HTTP. Every address, including those of redirects, must be allowed."""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Url, parse_url
from urllib3.util.connection import create_connection

from ser.errors import InvalidInput, RemoteFailed, SerError
from ser.fetching._access import Access
from ser.fetching._transport import (
    CHUNK,
    NOTHING,
    Content,
    Interrupted,
    Patience,
    Received,
    redact_url,
    translate_errors,
)

MAX_REDIRECTS = 5
MAX_URL_LENGTH = 4_096
"""Maximum length of the target of a redirect, as of the addresses in requests."""
MAX_SHOWN = 200
"""Number of characters of a longer target in a message."""


class GuardedConnection(HTTPConnection):
    """A connection that sends nothing, not even a TLS handshake, to a refused address."""

    access: Access
    until: float
    """Time of the monotonic clock at which the connection ends."""
    line: socket.socket | None = None
    """A duplicate of the socket: TLS, and a server that closes the connection after its answer,
    take the socket itself away."""

    def _new_conn(self) -> socket.socket:
        found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        # Checked before connecting, because a connection would reveal ports of a refused address.
        for address in addresses:
            self.access.address(self.host, address)
        connected = self._connect_to_first(addresses)
        try:
            # Checked again where it leads, however the address was understood.
            self.access.address(self.host, connected.getpeername()[0])
        except (InvalidInput, OSError):
            connected.close()
            raise
        self.line = connected.dup()
        return connected

    def _connect_to_first(self, addresses: list[str]) -> socket.socket:
        """Return a socket that is connected to the first of ``addresses`` that answers.

        A name may have hundreds that do not; each takes its time-out, and all of them no longer
        than there is time.
        """
        failure = OSError(f"{self.host} has no address")
        for address in addresses:
            left = self.until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no address of {self.host} answered in time")
            try:
                return create_connection(
                    (address, self.port),
                    min(left, float(self.timeout or left)),
                    socket_options=self.socket_options,
                )
            except OSError as error:
                failure = error
        raise failure

    def end(self) -> None:
        """End the connection for both sides, at any time and in any thread."""
        if self.line is not None:
            with suppress(OSError):  # it has ended
                self.line.shutdown(socket.SHUT_RDWR)


class GuardedTLSConnection(GuardedConnection, HTTPSConnection):
    """A guarded connection over TLS that verifies the certificate."""


CONNECTIONS: dict[str | None, type[GuardedConnection]] = {
    "http": GuardedConnection,
    "https": GuardedTLSConnection,
}


def parse_http_url(url: str) -> Url:
    """Return the parts of ``url``; raise :class:`InvalidInput` unless it can be fetched."""
    try:
        parts = parse_url(url)
    except Exception as error:
        raise InvalidInput(
            f"{redact_url(url)!r} is not a URL; allowed: http(s)://host/path"
        ) from error
    if parts.scheme not in CONNECTIONS or not parts.host:
        raise InvalidInput(f"{redact_url(url)!r} cannot be fetched; allowed: http(s)://host/path")
    if parts.auth:
        raise InvalidInput(
            f"a user or password before {parts.host!r} would not be sent; "
            "allowed: http(s)://host/path"
        )
    return parts


@contextmanager
def open_url(url: str, access: Access, patience: Patience, received: Received) -> Iterator[Content]:
    """Yield the content of ``url`` after the bytes ``received``, or all of it."""
    hop = url
    for _ in range(1 + MAX_REDIRECTS):
        with ExitStack() as stack:
            response = send_request(hop, access, patience, received, stack)
            if location := response.get_redirect_location():
                hop = next_hop(hop, location)
            elif content := accept_response(response, received):
                yield content
                return
            elif received.size and response.status in (206, 416):
                received = NOTHING
            else:
                raise RemoteFailed(
                    f"{redact_url(hop)} answered {response.status} {response.reason}"
                )
    raise RemoteFailed(f"{redact_url(url)} redirects more than {MAX_REDIRECTS} times")


def next_hop(url: str, location: str) -> str:
    """Return the URL that a redirect from ``url`` to ``location`` leads to."""
    try:
        if len(location) > MAX_URL_LENGTH:
            raise ValueError("too long")
        return urljoin(url, location)
    except ValueError as error:
        target = redact_url(location[:MAX_SHOWN])
        raise RemoteFailed(
            f"{redact_url(url)} redirects to {target!r}, which is not a URL"
        ) from error


def send_request(
    url: str, access: Access, patience: Patience, received: Received, stack: ExitStack
) -> BaseHTTPResponse:
    """Return the unread response to a GET for the bytes after ``received``."""
    parts = parse_http_url(url)
    kind = CONNECTIONS[parts.scheme]
    # Without a port, http.client takes the end of an IPv6 address for one.
    port = kind.default_port if parts.port is None else parts.port
    connection = kind(str(parts.host).strip("[]"), port, timeout=patience.connect)
    connection.access, connection.until = access, patience.until
    stack.enter_context(closing(connection))
    stack.enter_context(ended_in_time(connection))
    after = (
        {"Range": f"bytes={received.size}-", "If-Range": received.validator}
        if received.size
        else {}
    )
    with transport_errors():
        connection.connect()
        connection.timeout = patience.read
        # Without decoding, offsets and sizes refer to the bytes that were sent.
        connection.request(
            "GET", parts.request_uri, headers=after, preload_content=False, decode_content=False
        )
        return stack.enter_context(closing(connection.getresponse()))


@contextmanager
def ended_in_time(connection: GuardedConnection) -> Iterator[None]:
    """End ``connection`` when its time has come, or with the context.

    Time-outs count from the last byte, so a server that sends a byte a second would never end.
    """
    left = connection.until - time.monotonic()
    timer = threading.Timer(max(0.0, left), connection.end)
    timer.daemon = True
    if not math.isinf(left):
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if connection.line is not None:
            connection.line.close()


def accept_response(response: BaseHTTPResponse, received: Received) -> Content | None:
    """Return the content of ``response``; ``None`` unless it continues ``received``."""
    etag = response.headers.get("ETag", "")
    # A weak ETag, W/"...", may be the same for different bytes.
    validator = etag if etag.startswith('"') else response.headers.get("Last-Modified", "")
    start, total = 0, response.length_remaining
    if response.status == 206:
        content_range = response.headers.get("Content-Range", "")
        span = re.fullmatch(rf"bytes {received.size}-\d+/(\d{{1,18}})", content_range)
        if not span or not received.size or validator != received.validator:
            return None
        start, total = received.size, int(span[1])
    elif response.status != 200:
        return None
    chunks = iter(partial(response.read1, CHUNK), b"")
    content_type = response.headers.get("Content-Type", "")
    return Content(
        start, total, validator, content_type, translate_errors(chunks, transport_errors)
    )


@contextmanager
def transport_errors() -> Iterator[None]:
    """Translate failures of the connection to :class:`Interrupted`."""
    try:
        yield
    except (SerError, Interrupted):
        raise
    except Exception as error:
        # Bytes of a server make the libraries raise any kind of error.
        raise Interrupted(str(error.__cause__ or error)) from error
