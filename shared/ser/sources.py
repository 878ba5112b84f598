"""Where an archive may come from: HTTP, S3 or a local file, each opened at any offset.

A failure that another attempt may not meet is :class:`Interrupted`; every other one is told in the
caller's words right here. Buckets of Cloud Storage are read by the protocol of S3, which it speaks
too ("Interoperability with other storage providers" in its documentation).
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from ser.access import Access, scheme
from ser.errors import Conflict, InvalidInput, RemoteFailed

CHUNK = 1 << 16  # bytes
MAX_REDIRECTS = 5
CLOUD_STORAGE = "https://storage.googleapis.com"


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


class Version(NamedTuple):
    """Which version of an object is meant, as its store named it; empty where any will do."""

    name: str = ""
    """What the store calls it: the version id of S3, the generation of Cloud Storage."""
    etag: str = ""
    """What changes with the content: the ETag of S3, the SHA-256 of a local file."""


ANY = Version()


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


class Missing(RemoteFailed):
    """The store is there, and has no such object or version of it."""


def source_of(
    remote_url: str, access: Access, patience: Patience = PATIENCE, version: Version = ANY
) -> Source:
    """What opens ``remote_url``; nothing is opened yet.

    Of an object in a bucket and of a local file another ``version`` is never delivered as a whole:
    :class:`~ser.errors.Conflict` is raised at the latest after its last byte.

    Raises
    ------
    InvalidInput
        A scheme nobody reads, or a bucket or path out of bounds.
    """
    match scheme(remote_url):
        case "http" | "https":
            parsed(remote_url)
            return partial(over_http, remote_url, access, patience)
        case "s3" | "gs" as store:
            bucket, _, key = remote_url.partition("://")[2].partition("/")
            if not key:
                raise InvalidInput(f"{remote_url!r} names no object; allowed: {store}://bucket/key")
            return partial(from_bucket, store, access.bucket(bucket), key, patience, version)
        case "" | "file":
            return partial(from_file, access.path(remote_url), version)
    raise InvalidInput(
        f"{remote_url!r} cannot be fetched; allowed: http://, https://, s3://bucket/key, "
        "gs://bucket/key, file:// and local paths"
    )


def without_secrets(remote_url: str) -> str:
    """``remote_url`` without what may let others in: user and password, query and fragment, where
    signatures and tokens stand."""
    bare = re.sub(r":/+([^/?#]*:.*|[^/]*)@", "://...@", remote_url.strip())
    if not re.match(r"https?:", bare, re.IGNORECASE):
        return bare
    shown = re.split("[?#]", bare, maxsplit=1)[0]
    return bare if shown == bare else f"{shown}?..."


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
def from_bucket(
    store: str, bucket: str, key: str, patience: Patience, version: Version, held: Held
) -> Iterator[Answer]:
    from botocore.exceptions import ClientError

    uri = f"{store}://{bucket}/{key}"
    errors = partial(bucket_errors, uri)
    wanted = {"Bucket": bucket, "Key": key}
    if store == "s3" and version.name:
        wanted["VersionId"] = version.name
    after = {"Range": f"bytes={held.size}-", "IfMatch": held.validator} if held.size else {}
    with ExitStack() as stack:
        with errors():
            client = stack.enter_context(closing(client_of(store, patience)))
            try:
                found = client.get_object(**wanted, **after)
            except ClientError as error:
                changed = error.response["ResponseMetadata"]["HTTPStatusCode"] in (412, 416)
                if not (held.size and changed):
                    raise
                found = client.get_object(**wanted)
        refuse_another(uri, found, store, version)
        chunks = stack.enter_context(closing(found["Body"])).iter_chunks(CHUNK)
        start = held.size if "ContentRange" in found else 0
        yield Answer(
            start,
            start + found["ContentLength"],
            found.get("ETag", ""),
            found.get("ContentType", ""),
            translated(chunks, errors),
        )


def client_of(store: str, patience: Patience) -> Any:
    """Return what asks for objects of ``s3`` or ``gs``."""
    from botocore.config import Config
    from botocore.session import get_session

    config = Config(connect_timeout=patience.connect, read_timeout=patience.read)
    # The variable that Google's own libraries are pointed at another server by.
    host = os.environ.get("STORAGE_EMULATOR_HOST") or CLOUD_STORAGE
    address = (host if "://" in host else f"http://{host}") if store == "gs" else None
    return get_session().create_client("s3", endpoint_url=address, config=config)


def refuse_another(uri: str, found: dict[str, Any], store: str, version: Version) -> None:
    """Raise :class:`Conflict` if ``found`` is known to be of another version."""
    # Cloud Storage tells ETags of its own in events, and the generation beside the content.
    headers = found["ResponseMetadata"]["HTTPHeaders"]
    wanted, got = {
        "s3": (version.etag, found["ETag"].strip('"')),
        "gs": (version.name, headers.get("x-goog-generation", "one that is not told")),
    }[store]
    if wanted and wanted != got:
        raise Conflict(f"{uri} has another version by now: {got}, not {wanted}.")


@contextmanager
def bucket_errors(uri: str) -> Iterator[None]:
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
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        kind = Missing if code in ("NoSuchKey", "NoSuchVersion") else RemoteFailed
        raise kind(f"{uri} cannot be read: {error}") from error


@contextmanager
def from_file(path: Path, version: Version, _held: Held) -> Iterator[Answer]:
    try:
        # Anything but a file may never end, or never begin, as a pipe.
        if not path.is_file():
            raise InvalidInput(f"{path} is not there, or not a file")
        file = path.open("rb")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    with file:
        size = os.fstat(file.fileno()).st_size
        chunks = iter(partial(file.read, CHUNK), b"")
        yield Answer(0, size, "", "", verified(chunks, path, version) if version.etag else chunks)


def verified(chunks: Iterator[bytes], path: Path, version: Version) -> Iterator[bytes]:
    """Yield ``chunks``; raise :class:`Conflict` after the last if they are not of ``version``."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if digest.hexdigest() != version.etag:
        raise Conflict(
            f"{path} has another content by now: its SHA-256 is {digest.hexdigest()}, not "
            f"{version.etag}."
        )
