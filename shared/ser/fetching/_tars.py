"""Tar archives, as they are or compressed by gzip, bzip2 or xz."""

from __future__ import annotations

import io
import lzma
import tarfile
from bz2 import BZ2File
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from gzip import GzipFile
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from ser.errors import TooLarge
from ser.fetching._entries import Archive, Entry, broken, require_expansion
from ser.limits import Limits

BLOCK = tarfile.BLOCKSIZE
MAX_READ = 1 << 20
"""Maximum number of bytes read at once; :mod:`tarfile` reads names and attributes in one piece."""
MAX_HEADER_BYTES = 8_192
"""Maximum number of bytes for each entry, on average, beside its content."""
XZ_MEMORY = 1 << 27
"""Maximum memory for the decompression of xz in bytes; ``xz -9`` needs 65 MiB (``man xz``)."""

SUFFIXES = {b"\x1f\x8b": ".tar.gz", b"BZh": ".tar.bz2", b"\xfd7zXZ\0": ".tar.xz"}
"""The suffix of a compressed archive by its first bytes."""


class TarArchive(Archive):
    """The tar archive that ``open_file`` opens, whose content must be within ``limits``.

    ``size`` is its size in bytes if that bounds its content.

    The archive is read from its start to its end for each list of entries, because a compressed
    archive has no directory.
    """

    def __init__(
        self, name: str, open_file: Callable[[], BinaryIO], limits: Limits, size: int | None = None
    ) -> None:
        self.name = name
        self._open_file = open_file
        self._limits = limits
        self._size = size

    def entries(self) -> Iterator[Entry]:
        with self._open_file() as file, broken(self.name), closing(decompress(file)) as data:
            stream = TarStream(data, self.name, self._limits, self._size)
            # A file for tarfile needs no more than the methods of this one.
            with tarfile.TarFile(
                fileobj=cast("IO[bytes]", stream), encoding="utf-8", errors="surrogateescape"
            ) as tar:
                for info in tar:
                    name, flaw = name_of(info), flaw_of(info)
                    opener = partial(open_member, tar, info)
                    yield Entry(name, name, info.size, flaw, opener, info.offset_data)
            stream.finish()


def tar_suffix(path: Path) -> str | None:
    """Return the suffix for the tar archive at ``path``; ``None`` if it is no tar archive."""
    with path.open("rb") as file:
        try:
            with closing(decompress(file)) as data:
                tarfile.TarInfo.frombuf(data.read(BLOCK), "utf-8", "surrogateescape")
        except Exception:  # noqa: BLE001 - bytes from callers raise any kind of error
            return None
    with path.open("rb") as file:
        return SUFFIXES.get(compression_of(file), ".tar")


def compression_of(file: BinaryIO) -> bytes:
    """Return the first bytes of ``file`` that identify its compression; empty if there is none."""
    beginning = file.read(6)
    file.seek(0)
    return next((magic for magic in SUFFIXES if beginning.startswith(magic)), b"")


def is_compressed(file: BinaryIO) -> bool:
    """Return whether ``file``, which is at its start, is compressed."""
    return compression_of(file) != b""


def decompress(file: BinaryIO) -> BinaryIO:
    """Return ``file`` as a stream of decompressed bytes, whatever the compression."""
    match SUFFIXES.get(compression_of(file)):
        case ".tar.gz":
            return cast("BinaryIO", GzipFile(fileobj=file))
        case ".tar.bz2":
            return cast("BinaryIO", BZ2File(file))
        case ".tar.xz":
            return io.BufferedReader(XzFile(file))
    return file


class XzFile(io.RawIOBase):
    """The decompressed bytes of xz, with a limit on memory, which :class:`lzma.LZMAFile` lacks."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not (data or self._decompressor.eof):
            packed = self._file.read(1 << 16) if self._decompressor.needs_input else b""
            if self._decompressor.needs_input and not packed:
                raise EOFError("the compressed data end early")
            data = self._decompressor.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)


class TarStream:
    """Decompressed bytes of a tar archive for :mod:`tarfile`: read forwards only, a bounded number
    at once, and a bounded number in total."""

    def __init__(self, data: IO[bytes], name: str, limits: Limits, size: int | None = None) -> None:
        self._data, self._name, self._limits, self._size = data, name, limits, size
        self._position = 0
        self._last = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, _whence: int = io.SEEK_SET) -> int:
        if position < self._position:
            raise tarfile.ReadError("an entry begins before the end of the one before it")
        while self._position < position:
            if not self.read(min(position - self._position, MAX_READ)):
                raise tarfile.ReadError("unexpected end of data")
        return self._position

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_READ:
            raise TooLarge(
                f"{self._name} has an entry with {size:,} bytes of names and attributes; "
                f"allowed: {MAX_READ:,}"
            )
        try:
            data = self._data.read(size)
        except OSError as error:  # gzip and bz2 raise it for broken content
            raise tarfile.ReadError(str(error)) from error
        self._position += len(data)
        content, entries = self._limits.extracted_bytes, self._limits.entries
        if self._position > content.value + MAX_HEADER_BYTES * entries.value:
            raise TooLarge(
                f"{self._name} extracts to {self._position:,} bytes or more; allowed: {content}"
            )
        if self._size is not None:
            require_expansion(self._name, self._position, self._size, self._limits)
        self._last = data
        return data

    def finish(self) -> None:
        """Read to the end, which verifies checksums of the compression.

        :mod:`tarfile` takes any damaged header for the end.

        Raises
        ------
        tarfile.ReadError
            The archive was cut off or damaged, or has further content behind its end.
        """
        if len(self._last) < BLOCK or self._last.strip(b"\0"):
            raise tarfile.ReadError("it has no end, so it was cut off, or an entry is damaged")
        while rest := self.read(MAX_READ):
            if rest.strip(b"\0"):
                raise tarfile.ReadError("it has further content behind its end")


def open_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """Return the content of a file in ``tar``."""
    content = tar.extractfile(info)
    assert content, "only files are opened"
    return content


def name_of(info: tarfile.TarInfo) -> str:
    """Return the name of an entry, in UTF-8 or, as in some old archives, in Latin-1."""
    raw = info.name.encode(errors="surrogateescape")
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        name = raw.decode("latin-1")
    slashed = name.replace("\\", "/")
    return f"{slashed}/" if info.isdir() else slashed


def flaw_of(info: tarfile.TarInfo) -> str:
    """Return the reason to refuse an entry that only tar archives have; empty if there is none."""
    if info.issym() or info.islnk():
        return (
            f"is a link to {info.linkname!r}; allowed: files and folders, as tar writes with "
            "--dereference --hard-dereference"
        )
    if info.issparse() or not (info.isreg() or info.isdir()):
        return "is neither a file nor a folder"
    return ""
