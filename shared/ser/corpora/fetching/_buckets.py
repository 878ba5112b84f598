"""Archives in buckets of S3, and of Cloud Storage, which speaks the protocol of S3, too
("Interoperability with other storage providers" in its documentation)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

from ser.corpora.fetching._source import (
    CHUNK,
    Answer,
    Held,
    Interrupted,
    Missing,
    Patience,
    Version,
    translated,
)
from ser.errors import Conflict, RemoteFailed


@contextmanager
def from_bucket(
    store: str,
    endpoint: str | None,
    bucket: str,
    key: str,
    patience: Patience,
    version: Version,
    held: Held,
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
            client = stack.enter_context(closing(client_of(endpoint, patience)))
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


def client_of(endpoint: str | None, patience: Patience) -> Any:
    """Return a client of the S3 server at the URL ``endpoint``; ``None``: of AWS."""
    from botocore.config import Config
    from botocore.session import get_session

    config = Config(connect_timeout=patience.connect, read_timeout=patience.read)
    return get_session().create_client("s3", endpoint_url=endpoint, config=config)


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
