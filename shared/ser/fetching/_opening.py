"""The choice of a transport, or of a place, by the scheme of a URL."""

from __future__ import annotations

from functools import partial

from ser._addresses import scheme
from ser.errors import InvalidInput
from ser.fetching._access import Access
from ser.fetching._buckets import open_object
from ser.fetching._files import open_file
from ser.fetching._folders import FolderPlace
from ser.fetching._places import Place
from ser.fetching._prefixes import PrefixPlace
from ser.fetching._transport import ANY, PATIENCE, Opener, Patience, Version, redact_url
from ser.fetching._web import open_url, parse_http_url


def opener_for(
    remote_url: str,
    access: Access,
    patience: Patience = PATIENCE,
    version: Version = ANY,
    *,
    in_ranges: bool = False,
) -> Opener:
    """Return a function that opens ``remote_url``.

    With ``in_ranges`` large objects of S3 come in parallel ranges, which need more memory.

    Reading an object in a bucket or a local file raises :class:`~ser.errors.Conflict`, after the
    last byte at the latest, if the content is not of ``version``.

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
            if not key or key.endswith("/"):
                raise InvalidInput(f"{remote_url!r} names no object; allowed: {store}://bucket/key")
            place = store, access.endpoint(store), access.bucket(bucket), key
            return partial(open_object, *place, patience, version, in_ranges)
        case "" | "file":
            return partial(open_file, access.path(remote_url), access, version)
    raise InvalidInput(
        f"{redact_url(remote_url)!r} cannot be fetched; "
        "allowed: http://, https://, s3://bucket/key, gs://bucket/key, file:// and local paths"
    )


def open_place(
    url: str, access: Access, *, names: tuple[str, ...] = (), patience: Patience = PATIENCE
) -> Place:
    """Return the place at ``url``, a folder or a prefix of a bucket, without reading it.

    Parameters
    ----------
    names
        The only files to list, as paths in the place. Default: all.

    Raises
    ------
    InvalidInput
        The scheme is not that of a place, or ``access`` refuses the bucket or path.
    """
    match scheme(url):
        case "s3" | "gs" as store:
            bucket, _, prefix = url.partition("://")[2].partition("/")
            if not prefix.strip("/") and not names:
                raise InvalidInput(
                    f"{url!r} names no object and no prefix; "
                    f"allowed: {store}://bucket/key, {store}://bucket/prefix/"
                )
            prefix = prefix if prefix.endswith("/") or not prefix else f"{prefix}/"
            return PrefixPlace(
                store, access.endpoint(store), access.bucket(bucket), prefix, names, patience
            )
        case "" | "file":
            return FolderPlace(access.path(url), access, names)
    raise InvalidInput(
        f"{url!r} cannot be read in place; allowed: s3://, gs://, file:// and local paths"
    )
