"""Archives in buckets of S3 and of Cloud Storage.

Cloud Storage also implements the S3 protocol ("Interoperability with other storage providers" in
its documentation).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

from ser.errors import Conflict, RemoteFailed
from ser.fetching._ranges import is_worthwhile, ranged_chunks
from ser.fetching._transport import (
    CHUNK,
    Content,
    Interrupted,
    Missing,
    Patience,
    Received,
    Version,
    translate_errors,
)


@contextmanager
def open_object(
    store: str,
    endpoint: str | None,
    bucket: str,
    key: str,
    patience: Patience,
    version: Version,
    in_ranges: bool,
    received: Received,
) -> Iterator[Content]:
    """Yield the content of an object after the bytes ``received``, or all of it.

    With ``in_ranges`` the bytes of a large object of S3 come in parallel ranges of one version.
    """
    from botocore.exceptions import ClientError

    uri = f"{store}://{bucket}/{key}"
    errors = partial(bucket_errors, uri)
    wanted = {"Bucket": bucket, "Key": key}
    if store == "s3" and version.name:
        wanted["VersionId"] = version.name
    after = (
        {"Range": f"bytes={received.size}-", "IfMatch": received.validator} if received.size else {}
    )
    with ExitStack() as stack:
        with errors():
            client = stack.enter_context(closing(create_client(endpoint, patience)))
            try:
                found = client.get_object(**wanted, **after)
            except ClientError as error:
                changed = error.response["ResponseMetadata"]["HTTPStatusCode"] in (412, 416)
                if not (received.size and changed):
                    raise
                found = client.get_object(**wanted)
        require_version(uri, found, store, version)
        start = received.size if "ContentRange" in found else 0
        body = stack.enter_context(closing(found["Body"]))
        chunks: Iterator[bytes] = body.iter_chunks(CHUNK)
        if in_ranges and store == "s3" and is_worthwhile(found["ContentLength"]):
            body.close()
            read = partial(read_range, client, wanted, found["ETag"])
            ranges = ranged_chunks(read, start, found["ContentLength"])
            chunks = stack.enter_context(closing(ranges))
        yield Content(
            start,
            start + found["ContentLength"],
            found.get("ETag", ""),
            found.get("ContentType", ""),
            translate_errors(chunks, errors),
        )


def read_range(client: Any, wanted: Mapping[str, str], etag: str, first: int, last: int) -> bytes:
    """Return the bytes ``first`` to ``last`` of the object ``wanted`` if its ETag is ``etag``.

    Raises
    ------
    Interrupted
        The object has another ETag, so another attempt has to begin anew.
    """
    from botocore.exceptions import ClientError

    try:
        found = client.get_object(**wanted, Range=f"bytes={first}-{last}", IfMatch=etag)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in (412, 416):
            raise Interrupted("the object has changed") from error
        raise
    with closing(found["Body"]) as body:
        # Some servers ignore If-Match.
        if found["ETag"] != etag:
            raise Interrupted("the object has changed")
        content: bytes = body.read()
        return content


def create_client(endpoint: str | None, patience: Patience) -> Any:
    """Return a client of the S3 server at the URL ``endpoint``; ``None``: of AWS."""
    # Only addresses of buckets need botocore.
    from ser import _s3

    return _s3.create_client(endpoint, connect_timeout=patience.connect, read_timeout=patience.read)


def require_version(uri: str, found: dict[str, Any], store: str, version: Version) -> None:
    """Raise :class:`Conflict` if the answer ``found`` has another version."""
    # The ETags in events of Cloud Storage differ from those of its S3 protocol; generations agree.
    headers = found["ResponseMetadata"]["HTTPHeaders"]
    wanted, got = {
        "s3": (version.etag, found["ETag"].strip('"')),
        "gs": (version.name, headers.get("x-goog-generation", "an unknown one")),
    }[store]
    if wanted and wanted != got:
        raise Conflict(f"{uri} has changed: its version is {got}, not {wanted}.")


@contextmanager
def bucket_errors(uri: str) -> Iterator[None]:
    """Translate the exceptions of botocore for the object ``uri``."""
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
        kind = Missing if code in ("NoSuchKey", "NoSuchVersion", "404") else RemoteFailed
        hint = "; a prefix ends with a slash" if code == "NoSuchKey" else ""
        raise kind(f"{uri} cannot be read: {error}{hint}") from error
