"""Entries of archives, and the checks that every entry passes before any is written."""

from __future__ import annotations

import errno
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import IO

from ser._addresses import printable
from ser.errors import InvalidInput, SerError, TooLarge
from ser.fetching._clutter import is_clutter
from ser.limits import Limits

MAX_NAME_LENGTH = 1_024
FREE_BYTES = 1 << 26
"""Size of content for which the ratio to its archive does not matter."""
TOO_LONG = f"has a name above {MAX_NAME_LENGTH:,} characters"

DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that Windows takes for devices, with any suffix (Microsoft, "Naming files, paths, and
namespaces")."""
UNPORTABLE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*]')
"""Characters that Windows allows in no name, and those that control terminals."""


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
    """Translate the exceptions that readers raise for the broken content ``name``.

    Bytes from callers make the readers raise any kind of error, and none of them is a defect here.
    """
    try:
        yield
    except (SerError, FileExistsError):
        raise
    except OSError as error:
        # Positions in a broken archive are invalid; other errors are those of the disk.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise InvalidInput(f"{name} is broken: {error}") from error
    except Exception as error:
        raise InvalidInput(f"{name} is broken: {error or type(error).__name__}") from error


def checked_entries(archive: Archive, limits: Limits) -> Iterator[Entry]:
    """Yield the entries of ``archive``; raise an error at the first one that is not harmless or
    not within ``limits``."""
    # Folders that have no entry, but contain one, count as well.
    names: dict[str, str] = {}
    size = 0
    most = limits.file_bytes
    for entry in useful_entries(archive):
        if reason := find_flaw(entry) or find_clash(entry, names):
            shown = printable(entry.stored[:MAX_NAME_LENGTH])
            raise InvalidInput(f"{shown!r} in {archive.name} {reason}")
        size += entry.size
        if len(names) > limits.entries.value:
            raise TooLarge(f"{archive.name} has too many entries; allowed: {limits.entries}")
        if entry.size > most.value:
            shown = printable(entry.stored)
            raise TooLarge(f"{shown!r} in {archive.name} has {entry.size:,} bytes; allowed: {most}")
        if size > limits.extracted_bytes.value:
            raise TooLarge(
                f"{archive.name} extracts to {size:,} bytes or more; "
                f"allowed: {limits.extracted_bytes}"
            )
        yield entry


def require_expansion(name: str, content: int, packed: int, limits: Limits) -> None:
    """Raise :class:`TooLarge` if an archive of ``packed`` bytes has too many bytes of content."""
    if content > FREE_BYTES + packed * limits.expansion.value:
        raise TooLarge(
            f"{name} has {packed:,} bytes and extracts to {content:,} or more; allowed: "
            f"{FREE_BYTES:,}, and {limits.expansion} for each of its bytes"
        )


def useful_entries(archive: Archive) -> Iterator[Entry]:
    """Yield the entries without those that macOS added for its own use."""
    return (entry for entry in archive.entries() if not is_clutter(entry.path))


def find_flaw(entry: Entry) -> str | None:
    """Return the reason to refuse the entry; ``None`` if it is harmless."""
    negative = "has a negative size" if entry.size < 0 else None
    return (
        find_flaw_of_name(entry.name)
        or entry.flaw
        or negative
        or next(filter(None, map(find_unportable, entry.path.parts)), None)
    )


def find_unportable(part: str) -> str | None:
    """Return the reason why ``part``, a name without slashes, cannot be that of a file on every
    system or in every command; ``None`` if it can."""
    flaws = {
        "is the name of a device on Windows": DEVICES.fullmatch(part),
        "has a character that is not allowed in names on Windows": UNPORTABLE.search(part),
        "ends with a dot or a space, which Windows drops": part.endswith((".", " ")),
        "begins with a hyphen, as options of commands do": part.startswith("-"),
    }
    return next((reason for reason, found in flaws.items() if found), None)


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

    ``names`` has the names of the earlier entries by path; those of folders end with a slash. Names
    that differ only in case or accents are the same on some disks, which shows when they are
    written.
    """
    path, slash = entry.path, "/" if entry.is_folder else ""
    while path.name:
        if known := names.get(str(path)):
            return None if slash and known == f"{path}/" else f"clashes with {known!r}"
        names[str(path)] = f"{path}{slash}"
        path, slash = path.parent, "/"
    return None
