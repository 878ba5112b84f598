"""Zip archives."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from ser.errors import TooLarge
from ser.fetching._entries import Archive, Entry, broken
from ser.limits import Limits

MAX_ENTRY_BYTES = 256
"""Maximum number of bytes for each entry in the directory of an archive, on average."""
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

    def __init__(self, path: Path, zipped: ZipFile) -> None:
        self.name = path.name
        self._zipped = zipped

    def entries(self) -> Iterator[Entry]:
        for info in self._zipped.infolist():
            name, flaw = name_of(info), flaw_of(info)
            # zipfile stops reading at the declared size.
            opener = partial(self._zipped.open, info)
            yield Entry(name, info.orig_filename, info.file_size, flaw, opener)


@contextmanager
def open_zip(path: Path, limits: Limits) -> Iterator[Archive]:
    """Yield the zip archive at ``path``, open for reading."""
    with BoundedFile(path, limits) as file:
        with broken(path.name):
            zipped = ZipFile(file)
        with zipped:
            yield ZipArchive(path, zipped)


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
