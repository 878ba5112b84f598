"""Addresses: local paths, ``file://`` URLs, and URIs of other schemes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ser.errors import InvalidInput

MAX_NAME, MAX_PATH = 255, 4095
"""Largest numbers of bytes of a name and of a path on Linux (limits.h: NAME_MAX, and PATH_MAX less
the zero byte)."""
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# Cloud Storage allows underscores, which S3 does not.
BUCKET_LABEL = r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?"
BUCKET = re.compile(rf"(?=.{{3,63}}$)(?!\d+(\.\d+){{3}}$){BUCKET_LABEL}(\.{BUCKET_LABEL})*")


def scheme(uri: str) -> str:
    """Return the part of ``uri`` before ``://`` in lower case; an empty string for a plain path."""
    match = SCHEME.match(uri)
    return match[1].lower() if match else ""


def local_path(address: str) -> str:
    """Return the local path in ``address``, a path or a ``file://`` URL.

    Raises
    ------
    ValueError
        ``address`` is not local; the message says why.
    """
    path = address
    if scheme(address) == "file":
        parts = urlsplit(address)
        if parts.netloc not in ("", "localhost"):
            raise ValueError(f"it names the host {parts.netloc!r}")
        path = unquote(parts.path)
    elif scheme(address):
        raise ValueError(f"it begins with {scheme(address)}://")
    if not path:
        raise ValueError("it is empty")
    return path


def resolve_path(value: str) -> Path:
    """Return the absolute path of ``value``, a path or ``file://`` URL.

    Symbolic links are followed; the path may not exist.

    Raises
    ------
    InvalidInput
        ``value`` is not a local path.
    """
    try:
        path = Path(os.path.realpath(local_path(value)))
        require_length(path)
        return path
    except ValueError as error:
        raise InvalidInput(
            f"{value!r} is not a local path: {error}; allowed: a path, or file:///path"
        ) from error


def require_length(path: Path) -> None:
    """Raise ``ValueError`` if no file can have ``path``, since each look at one would fail."""
    if len(os.fsencode(path)) > MAX_PATH:
        raise ValueError(f"it is too long; allowed: {MAX_PATH:,} bytes")
    if any(len(os.fsencode(part)) > MAX_NAME for part in path.parts):
        raise ValueError(f"a name in it is too long; allowed: {MAX_NAME} bytes")


def printable(path: str | os.PathLike[str]) -> str:
    """Return ``path`` for messages and JSON: bytes that are not UTF-8 become escapes."""
    return os.fsdecode(path).encode(errors="backslashreplace").decode()


def bucket_name(name: str) -> str:
    """Return ``name``; raise :class:`InvalidInput` unless a store allows it as a bucket's name."""
    if not BUCKET.fullmatch(name):
        raise InvalidInput(
            f"{name!r} is not the name of a bucket; allowed: 3 to 63 lower-case letters, "
            "digits, hyphens, underscores and single dots, with a letter or digit at either end"
        )
    return name
