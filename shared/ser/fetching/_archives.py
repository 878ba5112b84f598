"""Extraction of untrusted archives: every entry is checked before any is written."""

from __future__ import annotations

import errno
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from ser._addresses import printable
from ser._progress import ProgressCallback, ignore_share
from ser.errors import InvalidInput, StorageFull
from ser.fetching._entries import Archive, broken, checked_entries, useful_entries
from ser.fetching._tars import TarArchive, tar_suffix
from ser.fetching._zips import open_zip
from ser.limits import NO_LIMITS, Limits

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""Suffixes of the archives that are read; their content decides, not their name."""
FORMATS = f"{', '.join(ARCHIVE_SUFFIXES[:-1])} or {ARCHIVE_SUFFIXES[-1]}"


def archive_suffix(path: Path) -> str | None:
    """Return the suffix for the archive at ``path`` by its content, such as ``.tar.gz``; ``None``
    if it is no archive."""
    # A zip archive is recognised by its end, and may itself be the end of a tar archive.
    return tar_suffix(path) or (".zip" if is_zip(path) else None)


def is_zip(path: Path) -> bool:
    """Return whether the file at ``path`` ends as a zip archive does."""
    try:
        return zipfile.is_zipfile(path)
    except Exception:  # noqa: BLE001 - bytes from callers raise any kind of error
        return False


def open_archive(path: Path, limits: Limits) -> AbstractContextManager[Archive]:
    """Open the archive at ``path``, whose content must be within ``limits``."""
    if not tar_suffix(path):
        return open_zip(path, limits)
    return nullcontext(TarArchive(path.name, lambda: path.open("rb"), limits, path.stat().st_size))


def extract(
    archive: Path,
    folder: Path,
    *,
    limits: Limits = NO_LIMITS,
    on_progress: ProgressCallback = ignore_share,
) -> None:
    """Extract ``archive`` to ``folder``, completely or not at all.

    An earlier ``folder`` is replaced once the new content is complete. The files that macOS adds
    for its own use are left out.

    Raises
    ------
    InvalidInput
        The archive is broken or has a forbidden entry, or ``folder`` cannot be written.
    TooLarge
        The content has more bytes or entries than ``limits`` allow.
    StorageFull
        The disk has no space for the content.
    """
    fresh = folder.with_name(f".{folder.name}.extracting")
    former = folder.with_name(f".{folder.name}.replaced")
    with open_archive(archive, limits) as opened, write_errors(folder):
        size = sum(entry.size for entry in checked_entries(opened, limits))
        remove(fresh)
        try:
            fresh.mkdir(parents=True)
            unpack(opened, fresh, size, on_progress)
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


def unpack(archive: Archive, folder: Path, size: int, on_progress: ProgressCallback) -> None:
    """Write the entries of ``archive``, which have passed the checks, to ``folder``."""
    written = 0
    for entry in useful_entries(archive):
        target = folder / entry.path
        shown = f"{printable(entry.stored)!r} in {archive.name}"
        try:
            if entry.is_folder:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with broken(shown), entry.open() as source, target.open("xb") as sink:
                shutil.copyfileobj(source, sink)
        except FileExistsError as error:
            # Disks of macOS and Windows ignore case and the encoding of accents.
            raise InvalidInput(f"{shown} clashes with another entry on this disk") from error
        written += entry.size
        on_progress(written / size if size else 1.0)


def remove(path: Path) -> None:
    """Remove the file, folder or link ``path`` if it exists; links are not followed."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
