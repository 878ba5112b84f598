"""Where an archive may come from: HTTP, S3 or a local file, each opened at any offset.

A failure that another attempt may not meet is :class:`Interrupted`; every other one is told in the
caller's words right here.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from ser.access import Access, scheme
from ser.errors import InvalidInput, RemoteFailed

CHUNK = 1 << 16  # bytes
MAX_REDIRECTS = 5


class Patience(NamedTuple):
    """How long a remote is waited for, and how often it is asked again; times in seconds."""

    connect: float = 10.0
    read: float = 30.0
    retries: int = 4
    pause: float = 1.0
    """Before the first retry; twice as long before each further one."""


PATIENCE = Patience()


class Held(NamedTuple):
    """What is here already: so many bytes of the version that the validator stands for."""

    size: int = 0
    validator: str = ""


NOTHING = Held()


@dataclass(frozen=True)
class Answer:
    """What a source delivers: the bytes from ``start`` on."""

    start: int
    total: int | None
    """Bytes of the whole; ``None`` when the source does not say."""
    validator: str
    """What tells this version from others; empty when nothing does."""
    content_type: str
    chunks: Iterator[bytes]


Source = Callable[[Held], AbstractContextManager[Answer]]
"""Opens after what is held, or from the start where that cannot be continued."""


class Interrupted(Exception):
    """The connection failed; asking again may help."""


def source_of(remote_url: str, access: Access, patience: Patience = PATIENCE) -> Source:
    """What opens ``remote_url``; nothing is opened yet.

    Raises
    ------
    InvalidInput
        A scheme nobody reads, or a bucket or path out of bounds.
    """
    match scheme(remote_url):
        case "http" | "https":
            parsed(remote_url)
            return partial(over_http, remote_url, access, patience)
        case "s3":
            bucket, _, key = remote_url[len("s3://") :].partition("/")
            if not key:
                raise InvalidInput(f"{remote_url!r} names no object; allowed: s3://bucket/key")
            return partial(from_s3, access.bucket(bucket), key, patience)
        case "" | "file":
            return partial(from_file, access.path(remote_url))
    raise InvalidInput(
        f"{remote_url!r} cannot be fetched; allowed: http://, https://, s3://bucket/key, "
        "file:// and local paths"
    )


def without_secrets(remote_url: str) -> str:
    """``remote_url`` without its query, where signatures and tokens stand."""
    address, mark, _ = remote_url.partition("?")
    return f"{address}?..." if mark and scheme(remote_url) in ("http", "https") else remote_url


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


def translated(
    chunks: Iterator[bytes], errors: Callable[[], AbstractContextManager[None]]
) -> Iterator[bytes]:
    with errors():
        yield from chunks


@contextmanager
def from_s3(bucket: str, key: str, patience: Patience, held: Held) -> Iterator[Answer]:
    from botocore.config import Config
    from botocore.exceptions import ClientError
    from botocore.session import get_session

    errors = partial(s3_errors, f"s3://{bucket}/{key}")
    config = Config(connect_timeout=patience.connect, read_timeout=patience.read)
    after = {"Range": f"bytes={held.size}-", "IfMatch": held.validator} if held.size else {}
    with ExitStack() as stack:
        with errors():
            client = stack.enter_context(closing(get_session().create_client("s3", config=config)))
            try:
                found = client.get_object(Bucket=bucket, Key=key, **after)
            except ClientError as error:
                changed = error.response["ResponseMetadata"]["HTTPStatusCode"] in (412, 416)
                if not (held.size and changed):
                    raise
                found = client.get_object(Bucket=bucket, Key=key)
        chunks = stack.enter_context(closing(found["Body"])).iter_chunks(CHUNK)
        start = held.size if "ContentRange" in found else 0
        yield Answer(
            start,
            start + found["ContentLength"],
            found.get("ETag", ""),
            found.get("ContentType", ""),
            translated(chunks, errors),
        )


@contextmanager
def s3_errors(uri: str) -> Iterator[None]:
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        HTTPClientError,
        IncompleteReadError,
    )

    try:
        yield
    except (HTTPClientError, IncompleteReadError) as error:
        raise Interrupted(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        raise RemoteFailed(f"{uri} cannot be read: {error}") from error


@contextmanager
def from_file(path: Path, _held: Held) -> Iterator[Answer]:
    try:
        # Anything but a file may never end, or never begin, as a pipe.
        if not path.is_file():
            raise InvalidInput(f"{path} is not there, or not a file")
        file = path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        yield Answer(0, size, "", "", iter(partial(file.read, CHUNK), b""))
