"""Extraction of untrusted zip archives: every entry is checked before any is written."""

from __future__ import annotations

import errno
import io
import re
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from unicodedata import normalize
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ser._progress import ProgressCallback, ignore_share
from ser.errors import InvalidInput, SerError, StorageFull, TooLarge
from ser.limits import UNLIMITED, Limit

MAX_ENTRIES = 100_000  # including folders that have no entry, but contain one
MAX_DIRECTORY_BYTES = 256 * MAX_ENTRIES
MAX_NAME_LENGTH = 1_024

Names = dict[str, str]
"""Names of the earlier entries by case-folded name; the names of folders end with a slash."""


def extract(
    archive: Path,
    folder: Path,
    *,
    limit: Limit = UNLIMITED,
    on_progress: ProgressCallback = ignore_share,
) -> None:
    """Extract ``archive`` to ``folder``, completely or not at all.

    An earlier ``folder`` is replaced once the new content is complete. ``__MACOSX`` and
    ``.DS_Store`` are left out.

    Raises
    ------
    InvalidInput
        The archive is broken or has a forbidden entry, or ``folder`` cannot be written.
    TooLarge
        The content has more than ``limit`` bytes or :data:`MAX_ENTRIES` entries.
    StorageFull
        The disk has no space for the content.
    """
    fresh = folder.with_name(f".{folder.name}.extracting")
    former = folder.with_name(f".{folder.name}.replaced")
    with open_zip(archive) as zipped, write_errors(folder):
        entries = check_entries(zipped, archive.name, limit)
        remove(fresh)
        try:
            fresh.mkdir(parents=True)
            unpack(zipped, archive.name, entries, fresh, on_progress)
            remove(former)
            with suppress(FileNotFoundError):
                folder.rename(former)
            fresh.rename(folder)
            remove(former)
        finally:
            remove(fresh)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Translate the errors of writing to ``path``, such as those of a full disk."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename or path} cannot be written: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFull(message) from error
        raise InvalidInput(message) from error


@contextmanager
def zip_errors(name: str) -> Iterator[None]:
    """Translate the exceptions of :mod:`zipfile` for a broken file ``name``."""
    try:
        yield
    except SerError:
        raise
    except (BadZipFile, EOFError, NotImplementedError, ValueError, zlib.error) as error:
        raise InvalidInput(f"{name} is broken: {error}") from error


class ArchiveFile(io.FileIO):
    """A file that refuses to read more bytes at once than a directory of an archive may have.

    :class:`ZipFile` reads the whole directory at the end of an archive before its entries can be
    counted, and needs ten times its size in memory.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise TooLarge(
                f"{Path(str(self.name)).name} has a directory of {size:,} bytes; "
                f"allowed: {MAX_DIRECTORY_BYTES:,}"
            )
        return super().read(size)


@contextmanager
def open_zip(archive: Path) -> Iterator[ZipFile]:
    """Yield the archive, open for reading."""
    with ArchiveFile(archive) as file:
        with zip_errors(archive.name):
            zipped = ZipFile(file)
        with zipped:
            yield zipped


def check_entries(zipped: ZipFile, archive: str, limit: Limit) -> list[ZipInfo]:
    """Return the entries to extract; raise an error unless all are harmless and within limits."""
    names: Names = {}
    entries = [info for info in zipped.infolist() if not is_clutter(info.filename)]
    for info in entries:
        if reason := find_flaw(info) or find_clash(info, names):
            raise InvalidInput(f"{info.orig_filename[:MAX_NAME_LENGTH]!r} in {archive} {reason}")
        if len(names) > MAX_ENTRIES:
            raise TooLarge(f"{archive} has too many entries; allowed: {MAX_ENTRIES:,}")
    size = sum(info.file_size for info in entries)
    if size > limit.value:
        raise TooLarge(f"{archive} extracts to {size:,} bytes; allowed: {limit}")
    return entries


def is_clutter(name: str) -> bool:
    """Return whether macOS added the entry ``name`` for its own use."""
    return name.startswith("__MACOSX/") or PurePosixPath(name).name == ".DS_Store"


def find_flaw(info: ZipInfo) -> str | None:
    """Return the reason to refuse the entry; ``None`` if it is harmless."""
    name = info.orig_filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    flaws = {
        "has no name": not (PurePosixPath(name).name or name.endswith("/")),
        f"has a name above {MAX_NAME_LENGTH:,} characters": len(name) > MAX_NAME_LENGTH,
        "has a backslash or NUL in its name": "\\" in name or "\0" in name,
        "has an absolute path": name.startswith("/") or re.match("[A-Za-z]:", name) is not None,
        "leads out of the archive by '..'": ".." in PurePosixPath(name).parts,
        "is neither a file nor a folder": kind not in (0, stat.S_IFREG, stat.S_IFDIR),
        "is encrypted": bool(info.flag_bits & 0x1),
        # For other methods, zipfile decompresses with unbounded memory.
        f"is compressed by method {info.compress_type}; allowed: stored, deflated": (
            info.compress_type not in (ZIP_STORED, ZIP_DEFLATED)
        ),
        "begins outside of the archive": info.header_offset < 0,
    }
    return next((reason for reason, found in flaws.items() if found), None)


def find_clash(info: ZipInfo, names: Names) -> str | None:
    """Return the clash with an earlier entry; without one, add the entry to ``names``.

    On some file systems, names that differ only in case or in the encoding of accents are the
    same. Such names are refused everywhere, so archives have the same content on all systems.
    """
    path, slash = PurePosixPath(info.filename), "/" if info.is_dir() else ""
    while path.name:
        if known := names.get(fold(path)):
            return None if slash and known == f"{path}/" else f"clashes with {known!r}"
        names[fold(path)] = f"{path}{slash}"
        path, slash = path.parent, "/"
    return None


def fold(path: PurePosixPath) -> str:
    """Return a key that is equal for names that any file system treats as equal."""
    return normalize("NFC", normalize("NFC", str(path)).casefold())


def unpack(
    zipped: ZipFile,
    archive: str,
    entries: list[ZipInfo],
    folder: Path,
    on_progress: ProgressCallback,
) -> None:
    """Write ``entries`` to ``folder``."""
    total = sum(info.file_size for info in entries)
    written = 0
    for info in entries:
        target = folder / info.filename
        if info.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # zipfile stops at the declared size, which is within the limit.
        with (
            zip_errors(f"{info.filename!r} in {archive}"),
            zipped.open(info) as source,
            target.open("xb") as sink,
        ):
            shutil.copyfileobj(source, sink)
        written += info.file_size
        on_progress(written / total if total else 1.0)


def remove(path: Path) -> None:
    """Remove the file, folder or link ``path`` if it exists; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
