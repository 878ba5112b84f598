"""Addresses: local paths, ``file://`` URLs, and URIs of other schemes."""

from __future__ import annotations

import errno
import os
import re
import stat
from io import BufferedReader
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ser.errors import InvalidInput

FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
"""Flags to open a folder on the way to a file, for which Linux needs no permission to read it."""
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


def open_below(root: Path, path: Path) -> BufferedReader:
    """Return the file ``path`` below ``root``, open for reading.

    Neither is a symbolic link, and each folder is opened from the handle of the one above it. So a
    link that has replaced a part of ``path`` since it was resolved is an error, and cannot lead out
    of ``root``.

    Raises
    ------
    OSError
        The file cannot be opened, is no file, or a part of its path is a link.
    """
    *folders, name = path.relative_to(root).parts or ("",)
    if not name:
        return open_file(str(root), None)
    folder = os.open(root, FOLDER)
    try:
        for each in folders:
            above, folder = folder, os.open(each, FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(above)
        return open_file(name, folder)
    finally:
        os.close(folder)


def open_file(name: str, folder: int | None) -> BufferedReader:
    """Return the file ``name`` in the open ``folder``; raise ``OSError`` if it is none."""
    # Opening a pipe would wait for its writer, and reading a device may never end.
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is not a file", name)
    return os.fdopen(file, "rb")


def require_length(path: Path) -> None:
    """Raise ``ValueError`` if no file can have ``path``, since each look at one would fail."""
    if len(os.fsencode(path)) > MAX_PATH:
        raise ValueError(f"it is longer than {MAX_PATH:,} bytes")
    if any(len(os.fsencode(part)) > MAX_NAME for part in path.parts):
        raise ValueError(f"a name in it is longer than {MAX_NAME} bytes")


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
