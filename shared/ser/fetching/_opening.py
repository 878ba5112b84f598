"""The choice of a transport by the scheme of a URL."""

from __future__ import annotations

from functools import partial

from ser._addresses import scheme
from ser.errors import InvalidInput
from ser.fetching._access import Access
from ser.fetching._buckets import open_object
from ser.fetching._files import open_file
from ser.fetching._prefixes import open_prefix
from ser.fetching._transport import ANY, PATIENCE, Opener, Patience, Version, redact_url
from ser.fetching._web import open_url, parse_http_url


def opener_for(
    remote_url: str, access: Access, patience: Patience = PATIENCE, version: Version = ANY
) -> Opener:
    """Return a function that opens ``remote_url``.

    A prefix in a bucket ends with a slash; it is opened as the archive of its objects, and has no
    versions. Reading an object in a bucket or a local file raises
    :class:`~ser.errors.Conflict`, after the last byte at the latest, if the content is not of
    ``version``.

    Raises
    ------
    InvalidInput
        The scheme is not supported, or ``access`` refuses the bucket or path.
    """
    match scheme(remote_url):
        case "http" | "https":
            parse_http_url(remote_url)
            return partial(open_url, remote_url, access, patience)
        case "s3" | "gs" as store:
            bucket, _, key = remote_url.partition("://")[2].partition("/")
            if not key:
                raise InvalidInput(
                    f"{remote_url!r} names no object and no prefix; "
                    f"allowed: {store}://bucket/key, {store}://bucket/prefix/"
                )
            place = store, access.endpoint(store), access.bucket(bucket), key
            if key.endswith("/"):
                return partial(open_prefix, *place, patience)
            return partial(open_object, *place, patience, version)
        case "" | "file":
            return partial(open_file, access.path(remote_url), version)
    raise InvalidInput(
        f"{redact_url(remote_url)!r} cannot be fetched; "
        "allowed: http://, https://, s3://bucket/key, s3://bucket/prefix/, the same with gs://, "
        "file:// and local paths"
    )
