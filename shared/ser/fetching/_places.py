"""Places whose files are read where they are: folders of this machine, and prefixes of buckets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from io import RawIOBase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from ser.limits import UNLIMITED, Limit


class StoredFile(NamedTuple):
    """A file of a place, as its listing describes it."""

    name: str
    """The path of the file in its place, with slashes."""
    size: int
    """Size in bytes."""
    etag: str = ""
    """The ETag in a bucket; empty in a folder."""

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.name.lstrip("/"))


class Place(ABC):
    """A folder of files that are read without a copy of all of them.

    Several threads may read at the same time. A place can be pickled: the process that loads it
    reads the same files with credentials of its own.
    """

    @property
    def on_this_machine(self) -> Path | None:
        """The folder, if it is one of this machine."""
        return None

    @property
    @abstractmethod
    def address(self) -> str:
        """The path or URL."""

    @abstractmethod
    def files(self, limit: Limit = UNLIMITED) -> list[StoredFile]:
        """Return the files at any depth in the order of their paths, without those of macOS.

        Raises
        ------
        InvalidInput
            There are none in a bucket, or a file has a name that cannot be a path.
        TooLarge
            A bucket has more than ``limit`` files there.
        """

    @abstractmethod
    def read(self, file: StoredFile, start: int = 0, size: int | None = None) -> bytes:
        """Return ``size`` bytes of ``file`` from the byte ``start`` on. Default: all that follow.

        Raises
        ------
        InvalidInput
            The file cannot be read, or access to it is refused.
        Conflict
            The object has changed since it was listed.
        RemoteFailed
            The store refuses the request, or connections fail too often.
        """

    @abstractmethod
    def fingerprint(self, file: StoredFile) -> bytes:
        """Return 32 bytes that change with the content of ``file``."""

    @abstractmethod
    def open(self, file: StoredFile, read_ahead: int) -> BinaryIO:
        """Return ``file``, open for reading at any position.

        ``read_ahead`` is the number of bytes that one request to a bucket asks for at least.
        """


class RangeFile(RawIOBase):
    """A file whose bytes ``read(start, size)`` returns; it has ``size`` bytes."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self._read, self._size = read, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        size = max(0, min(len(buffer), self._size - self._position))
        data = self._read(self._position, size) if size else b""
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
