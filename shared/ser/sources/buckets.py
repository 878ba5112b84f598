"""Archives in buckets of S3, and of Cloud Storage, which speaks the protocol of S3, too
("Interoperability with other storage providers" in its documentation)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

from ser.errors import Conflict, RemoteFailed
from ser.sources.source import (
    CHUNK,
    Answer,
    Held,
    Interrupted,
    Missing,
    Patience,
    Version,
    translated,
)

CLOUD_STORAGE = "https://storage.googleapis.com"


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
