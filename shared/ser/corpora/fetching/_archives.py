"""Zip archives from elsewhere: every entry is under suspicion until it is written."""

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

from ser._progress import Report, silent
from ser.errors import InvalidInput, SerError, StorageFull, TooLarge
from ser.limits import UNLIMITED, Limit

MAX_ENTRIES = 100_000  # folders that are only implied by the names below them included
MAX_DIRECTORY_BYTES = 256 * MAX_ENTRIES
MAX_NAME_LENGTH = 1_024

Names = dict[str, str]
"""The names already given: folded -> as they are spelt, those of folders with a slash behind."""


def extract(
    archive: Path, folder: Path, *, limit: Limit = UNLIMITED, report: Report = silent
) -> None:
    """Write the content of ``archive`` to ``folder``: all of it, or nothing.

    What stood at ``folder`` is replaced once the new content is complete. ``__MACOSX`` and
    ``.DS_Store`` are left out.

    Raises
    ------
    InvalidInput
        A broken archive, an entry that must not be written, or a folder that cannot be; by name.
    TooLarge
        More than ``limit`` bytes once extracted, or more entries than anyone needs.
    StorageFull
        No room for the content.
    """
    fresh = folder.with_name(f".{folder.name}.extracting")
    former = folder.with_name(f".{folder.name}.replaced")
    with opened(archive) as zipped, writing(folder):
        entries = checked_entries(zipped, archive.name, limit)
        discard(fresh)
        try:
            fresh.mkdir(parents=True)
            unpack(zipped, archive.name, entries, fresh, report)
            discard(former)
            with suppress(FileNotFoundError):
                folder.rename(former)
            fresh.rename(folder)
            discard(former)
        finally:
            discard(fresh)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Tell a full disk, and any other reason why ``path`` cannot be written, to the caller."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename or path} cannot be written: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFull(message) from error
        raise InvalidInput(message) from error


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Tell the ways in which :mod:`zipfile` finds ``what`` broken to the caller."""
    try:
        yield
    except SerError:
        raise
    except (BadZipFile, EOFError, NotImplementedError, ValueError, zlib.error) as error:
        raise InvalidInput(f"{what} is broken: {error}") from error


class ArchiveFile(io.FileIO):
    """A file that is not read in one piece where the piece is out of all proportion.

    :class:`ZipFile` loads the directory at the end of an archive at once, before entries can be
    counted, and builds ten times its size in memory.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise TooLarge(
                f"{Path(str(self.name)).name} has a directory of {size:,} bytes; "
                f"allowed: {MAX_DIRECTORY_BYTES:,}"
            )
        return super().read(size)


@contextmanager
def opened(archive: Path) -> Iterator[ZipFile]:
    with ArchiveFile(archive) as file:
        with reading(archive.name):
            zipped = ZipFile(file)
        with zipped:
            yield zipped


def checked_entries(zipped: ZipFile, archive: str, limit: Limit) -> list[ZipInfo]:
    """The entries to write, once all of them are known to be harmless."""
    names: Names = {}
    entries = [info for info in zipped.infolist() if not is_clutter(info.filename)]
    for info in entries:
        if reason := flaw(info) or clash(info, names):
            raise InvalidInput(f"{info.orig_filename[:MAX_NAME_LENGTH]!r} in {archive} {reason}")
        if len(names) > MAX_ENTRIES:
            raise TooLarge(f"{archive} has too many entries; allowed: {MAX_ENTRIES:,}")
    size = sum(info.file_size for info in entries)
    if size > limit.value:
        raise TooLarge(f"{archive} extracts to {size:,} bytes; allowed: {limit}")
    return entries


def is_clutter(name: str) -> bool:
    return name.startswith("__MACOSX/") or PurePosixPath(name).name == ".DS_Store"


def flaw(info: ZipInfo) -> str | None:
    """Why this entry must not be written, looked at alone."""
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
        # The other methods of zipfile unpack a read without bounds: a bomb for the memory.
        f"is compressed by method {info.compress_type}; allowed: stored, deflated": (
            info.compress_type not in (ZIP_STORED, ZIP_DEFLATED)
        ),
        "begins outside of the archive": info.header_offset < 0,
    }
    return next((reason for reason, found in flaws.items() if found), None)


def clash(info: ZipInfo, names: Names) -> str | None:
    """Why this entry cannot stand beside the earlier ones; otherwise it joins their ``names``.

    Some file systems take names for the same that differ only by case or by how accents are
    encoded; what extracts differently there is refused everywhere.
    """
    path, slash = PurePosixPath(info.filename), "/" if info.is_dir() else ""
    while path.name:
        if known := names.get(folded(path)):
            return None if slash and known == f"{path}/" else f"clashes with {known!r}"
        names[folded(path)] = f"{path}{slash}"
        path, slash = path.parent, "/"
    return None


def folded(path: PurePosixPath) -> str:
    return normalize("NFC", normalize("NFC", str(path)).casefold())


def unpack(
    zipped: ZipFile, archive: str, entries: list[ZipInfo], folder: Path, report: Report
) -> None:
    total = sum(info.file_size for info in entries)
    written = 0
    for info in entries:
        target = folder / info.filename
        if info.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        # No more comes out than the directory declares, which is within the limit: zipfile stops.
        with (
            reading(f"{info.filename!r} in {archive}"),
            zipped.open(info) as source,
            target.open("xb") as sink,
        ):
            shutil.copyfileobj(source, sink)
        written += info.file_size
        report(written / total if total else 1.0)


def discard(path: Path) -> None:
    """Remove whatever stands at ``path``, without following it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
