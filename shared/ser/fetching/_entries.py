"""Entries of archives, and the checks that every entry passes before any is written."""

from __future__ import annotations

import lzma
import re
import tarfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO
from zipfile import BadZipFile

from ser._addresses import printable
from ser.errors import InvalidInput, SerError, TooLarge
from ser.fetching._clutter import is_clutter
from ser.limits import Limits

MAX_NAME_LENGTH = 1_024
TOO_LONG = f"has a name above {MAX_NAME_LENGTH:,} characters"

FAULTS = (
    BadZipFile,
    tarfile.TarError,
    EOFError,
    NotImplementedError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
)
"""The exceptions of the readers of archives for broken content."""


@dataclass(frozen=True)
class Entry:
    """A file or folder in an archive."""

    name: str
    """Path in the archive, with slashes; the names of folders end with one."""
    stored: str
    """The name as the archive has it, for messages."""
    size: int
    """Size of the content in bytes."""
    flaw: str
    """A reason of the format to refuse the entry; empty if there is none."""
    open: Callable[[], IO[bytes]]
    """Function that opens the content, which has ``size`` bytes at most. It can be called until the
    next entry is read."""
    start: int = 0
    """Position of the content in a tar archive that is not compressed."""

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")

    @cached_property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name)


class Archive(ABC):
    """An archive of any format."""

    name: str
    """Name of the archive for messages."""

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Yield the entries in their order.

        Raises
        ------
        InvalidInput
            The archive is broken.
        TooLarge
            Reading the archive would take too much memory or time.
        """


@contextmanager
def broken(name: str) -> Iterator[None]:
    """Translate the exceptions that readers raise for the broken content ``name``."""
    try:
        yield
    except SerError:
        raise
    except FAULTS as error:
        raise InvalidInput(f"{name} is broken: {error}") from error


def checked_entries(archive: Archive, limits: Limits) -> Iterator[Entry]:
    """Yield the entries of ``archive``; raise an error at the first one that is not harmless or
    not within ``limits``."""
    # Folders that have no entry, but contain one, count as well.
    names: dict[str, str] = {}
    size = 0
    for entry in useful_entries(archive):
        if reason := find_flaw(entry) or find_clash(entry, names):
            shown = printable(entry.stored[:MAX_NAME_LENGTH])
            raise InvalidInput(f"{shown!r} in {archive.name} {reason}")
        size += entry.size
        if len(names) > limits.entries.value:
            raise TooLarge(f"{archive.name} has too many entries; allowed: {limits.entries}")
        if size > limits.extracted_bytes.value:
            raise TooLarge(
                f"{archive.name} extracts to {size:,} bytes or more; "
                f"allowed: {limits.extracted_bytes}"
            )
        yield entry


def useful_entries(archive: Archive) -> Iterator[Entry]:
    """Yield the entries without those that macOS added for its own use."""
    return (entry for entry in archive.entries() if not is_clutter(entry.path))


def find_flaw(entry: Entry) -> str | None:
    """Return the reason to refuse the entry; ``None`` if it is harmless."""
    negative = "has a negative size" if entry.size < 0 else None
    return find_flaw_of_name(entry.name) or entry.flaw or negative


def find_flaw_of_name(name: str) -> str | None:
    """Return the reason to refuse ``name``, a path with slashes; ``None`` if it is harmless."""
    path = PurePosixPath(name)
    flaws = {
        "has no name": not (path.name or name.endswith("/")),
        TOO_LONG: len(name) > MAX_NAME_LENGTH,
        "has NUL in its name": "\0" in name,
        "has an absolute path": name.startswith("/") or re.match("[A-Za-z]:", name) is not None,
        "leads out of the archive by '..'": ".." in path.parts,
    }
    return next((reason for reason, found in flaws.items() if found), None)


def find_clash(entry: Entry, names: dict[str, str]) -> str | None:
    """Return the clash with an earlier entry; without one, add the entry to ``names``.

    ``names`` has the names of the earlier entries by path; those of folders end with a slash.
    """
    path, slash = entry.path, "/" if entry.is_folder else ""
    while path.name:
        if known := names.get(str(path)):
            return None if slash and known == f"{path}/" else f"clashes with {known!r}"
        names[str(path)] = f"{path}{slash}"
        path, slash = path.parent, "/"
    return None
