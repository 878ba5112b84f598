"""Opening an archive wherever it is: over HTTP, in a bucket, or in a local file."""

from __future__ import annotations

from functools import partial

from ser._addresses import scheme
from ser.corpora.fetching._access import Access
from ser.corpora.fetching._buckets import from_bucket
from ser.corpora.fetching._files import from_file
from ser.corpora.fetching._source import ANY, PATIENCE, Patience, Source, Version
from ser.corpora.fetching._web import over_http, parsed
from ser.errors import InvalidInput


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
            place = store, access.endpoint(store), access.bucket(bucket), key
            return partial(from_bucket, *place, patience, version)
        case "" | "file":
            return partial(from_file, access.path(remote_url), version)
    raise InvalidInput(
        f"{remote_url!r} cannot be fetched; allowed: http://, https://, s3://bucket/key, "
        "gs://bucket/key, file:// and local paths"
    )
