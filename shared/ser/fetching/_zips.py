"""Zip archives."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from ser._addresses import printable
from ser.errors import InvalidInput, TooLarge
from ser.fetching._entries import Archive, Entry, broken, require_expansion
from ser.limits import Limits

MAX_ENTRY_BYTES = 256
"""Maximum number of bytes for each entry in the directory of an archive, on average."""
HEADER_BYTES = 30
"""Minimum size of the header before the content of an entry (APPNOTE 4.3.7)."""
UTF8 = 0x800
"""The flag of entries with names in UTF-8."""


class BoundedFile(io.FileIO):
    """A file that refuses to read more bytes at once than a directory of an archive may have.

    :class:`ZipFile` reads the whole directory at the end of an archive before its entries can be
    counted, and needs ten times its size in memory.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        super().__init__(path)
        self._limit = limits.entries

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_ENTRY_BYTES * self._limit.value:
            raise TooLarge(
                f"{Path(str(self.name)).name} has a directory of {size:,} bytes; "
                f"allowed: {MAX_ENTRY_BYTES} for each of {self._limit} entries"
            )
        return super().read(size)


class ZipArchive(Archive):
    """The zip archive at ``path``, which is open as ``zipped``."""

    def __init__(self, path: Path, zipped: ZipFile, limits: Limits) -> None:
        self.name = path.name
        self._path, self._zipped, self._limits = path, zipped, limits

    def entries(self) -> Iterator[Entry]:
        for info in self._zipped.infolist():
            name, flaw = name_of(info), flaw_of(info)
            # zipfile stops reading at the declared size.
            opener = partial(self._zipped.open, info)
            yield Entry(name, info.orig_filename, info.file_size, flaw, opener)
        require_plausible(self._path, self._zipped.infolist(), self._limits)


@contextmanager
def open_zip(path: Path, limits: Limits) -> Iterator[Archive]:
    """Yield the zip archive at ``path``, open for reading."""
    with BoundedFile(path, limits) as file:
        with broken(path.name):
            zipped = ZipFile(file)
        with zipped:
            yield ZipArchive(path, zipped, limits)


def require_plausible(path: Path, entries: Sequence[ZipInfo], limits: Limits) -> None:
    """Raise an error if ``entries`` share bytes of the archive, or expand too much.

    Entries that share bytes make a small archive large without a high ratio for any of them
    (Fifield, A better zip bomb, WOOT 2019).

    Raises
    ------
    InvalidInput
        An entry begins before the end of another one.
    TooLarge
        The content is more times larger than the archive than ``limits`` allow.
    """
    ordered = sorted(entries, key=lambda info: info.header_offset)
    for info, following in pairwise(ordered):
        # A negative position is refused by :func:`flaw_of`.
        end = max(0, info.header_offset) + HEADER_BYTES + info.compress_size
        if following.header_offset >= 0 and following.header_offset < end:
            raise InvalidInput(
                f"{printable(following.orig_filename)!r} in {path.name} begins inside of "
                f"{printable(info.orig_filename)!r}"
            )
    require_expansion(
        path.name, sum(info.file_size for info in entries), path.stat().st_size, limits
    )


def name_of(info: ZipInfo) -> str:
    """Return the name of an entry as its producer meant it.

    The format has names in code page 437 unless a flag says UTF-8, and slashes between folders
    (APPNOTE 4.4.17 and appendix D). macOS does not set the flag on its names in UTF-8, and Windows
    PowerShell 5 writes backslashes.
    """
    name = info.orig_filename
    if not info.flag_bits & UTF8:
        with suppress(UnicodeDecodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/")


def flaw_of(info: ZipInfo) -> str:
    """Return the reason to refuse an entry that only zip archives have; empty if there is none."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is neither a file nor a folder"
    if info.flag_bits & 0x1:
        return "is encrypted"
    # For other methods, zipfile decompresses with unbounded memory.
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        return f"is compressed by method {info.compress_type}; allowed: stored, deflated"
    return "begins outside of the archive" if info.header_offset < 0 else ""
