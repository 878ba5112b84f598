"""Where an archive may come from: HTTP, a bucket or a local file, each opened at any offset.

A failure that another attempt may not meet is :class:`Interrupted`; every other one is told in the
caller's words right here.
"""

from __future__ import annotations

from functools import partial

from ser.access import Access, scheme
from ser.errors import InvalidInput
from ser.sources.buckets import from_bucket
from ser.sources.files import from_file
from ser.sources.source import (
    ANY,
    NOTHING,
    PATIENCE,
    Answer,
    Held,
    Interrupted,
    Missing,
    Patience,
    Source,
    Version,
    without_secrets,
)
from ser.sources.web import MAX_REDIRECTS, over_http, parsed

__all__ = [
    "ANY",
    "MAX_REDIRECTS",
    "NOTHING",
    "PATIENCE",
    "Answer",
    "Held",
    "Interrupted",
    "Missing",
    "Patience",
    "Source",
    "Version",
    "source_of",
    "without_secrets",
]


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
