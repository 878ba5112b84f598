"""Encoders that users bring: an ONNX file at a path or an address."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ser._addresses import scheme
from ser.encoders._known import KNOWN
from ser.errors import InvalidInput, within
from ser.fetching import FULL_ACCESS, Access, fetch, opener_for, redact_url
from ser.limits import ANY_PACE, UNLIMITED, Limit, Pace

if TYPE_CHECKING:
    import onnx

WEB = ("http", "https")
"""Schemes of addresses whose content anyone between here and there could replace."""
MAX_BYTES = 2**31 - 1
"""Maximum size of a file, which is that of a message of protobuf."""


def check_foreign(source: str, sha256: str | None, *, access: Access = FULL_ACCESS) -> None:
    """Check the address of an encoder without fetching it.

    Raises
    ------
    InvalidInput
        Access is refused, the scheme is not supported, a local file does not exist, or the SHA-256
        of a file on the web is missing. The location of a fault is ``source`` or ``sha256``.
    """
    with within("source"):
        opener_for(source, access)
        if scheme(source) in ("", "file") and not access.path(source).is_file():
            raise InvalidInput(
                f"{source!r} does not exist, or is not a file; allowed: {', '.join(KNOWN)}, "
                "the path of an ONNX file, s3://bucket/key, gs://bucket/key, https://"
            )
    if scheme(source) in WEB and sha256 is None:
        with within("sha256"):
            raise InvalidInput(
                f"missing; {redact_url(source)!r} may change; "
                "allowed: the SHA-256 of its content, in 64 hexadecimal digits"
            )


def open_foreign(
    source: str,
    sha256: str | None = None,
    *,
    access: Access = FULL_ACCESS,
    limit: Limit = UNLIMITED,
    pace: Pace = ANY_PACE,
    cache: Path | None = None,
) -> onnx.ModelProto:
    """Return the encoder at ``source``, inspected, but not run.

    Its metadata are ``origin``, the source without secrets, and ``digest``, the SHA-256 of the
    file.

    Parameters
    ----------
    source
        A path or ``file://``, ``s3://bucket/key``, ``gs://bucket/key``, or ``http(s)://``.
    sha256
        SHA-256 of the file in hexadecimal; mandatory for ``http(s)://``, otherwise optional.
    access, limit, pace
        Rules for paths, buckets and hosts, the maximum size of the file in bytes, and the time and
        the rate of its download.
    cache
        The folder that keeps files of known SHA-256; ``None``: none is kept.

    Raises
    ------
    InvalidInput
        As for :func:`check_foreign`; or the file has another SHA-256, is not an ONNX file, or
        :func:`~ser.encoders._inspection.inspect` refuses it.
    TooLarge, RemoteFailed, StorageFull
        As for :func:`ser.fetching.fetch`.
    """
    import onnx

    from ser.encoders._inspection import inspect

    check_foreign(source, sha256, access=access)
    data = kept(cache, sha256) or received(source, access, limit, pace)
    found = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, found):
        with within("sha256"):
            raise InvalidInput(f"{sha256} is not that of the file; allowed: {found}")
    with within("source"):
        model = inspect(data)
    if sha256:
        keep(cache, sha256, data)
    onnx.helper.set_model_props(model, {"origin": redact_url(source), "digest": found})
    return model


def received(source: str, access: Access, limit: Limit, pace: Pace) -> bytes:
    """Return the content of the file at ``source``."""
    smaller = limit if limit.value < MAX_BYTES else Limit(MAX_BYTES)
    with within("source"), tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "encoder.onnx")
        fetch(source, file, access=access, limit=smaller, pace=pace, archive=False)
        return file.read_bytes()


def kept(cache: Path | None, sha256: str | None) -> bytes | None:
    """Return the file with this digest in ``cache``; ``None`` if it is missing or damaged."""
    if cache is None or sha256 is None:
        return None
    try:
        data = (cache / f"{sha256}.onnx").read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == sha256 else None


def keep(cache: Path | None, sha256: str, data: bytes) -> None:
    """Keep ``data`` in ``cache``; an error is ignored, as it only makes later openings slower."""
    if cache is None or kept(cache, sha256):
        return
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
            file.write(data)
        Path(file.name).replace(cache / f"{sha256}.onnx")
