"""Folders of this machine whose files are read where they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ser.errors import InvalidInput
from ser.fetching._access import FULL_ACCESS, Access
from ser.fetching._clutter import is_clutter
from ser.fetching._places import Place, StoredFile
from ser.limits import UNLIMITED, Limit


@dataclass(frozen=True)
class FolderPlace(Place):
    """A folder; ``access`` has the rules for the places that links in it may lead to."""

    folder: Path
    access: Access = FULL_ACCESS
    names: tuple[str, ...] = ()
    """The only files to list; empty: all."""

    @property
    def on_this_machine(self) -> Path:
        return self.folder

    @property
    def address(self) -> str:
        return str(self.folder)

    def files(self, limit: Limit = UNLIMITED) -> list[StoredFile]:
        del limit
        found: list[tuple[PurePosixPath, StoredFile]] = []
        for path in map(PurePosixPath, self.names or self._paths()):
            with readable(self.folder / path):
                size = (self.folder / path).stat().st_size
            found.append((path, StoredFile(str(path), size)))
        return [file for _, file in sorted(found)]

    def _paths(self) -> Iterator[str]:
        for file in self.folder.rglob("*"):
            path = file.relative_to(self.folder).as_posix()
            if not is_clutter(PurePosixPath(path)) and file.is_file():
                yield path

    def read(self, file: StoredFile, start: int = 0, size: int | None = None) -> bytes:
        with readable(self.folder / file.name), self._open(file) as opened:
            opened.seek(start)
            return opened.read() if size is None else opened.read(size)

    def fingerprint(self, file: StoredFile) -> bytes:
        with readable(self.folder / file.name), self._open(file) as opened:
            return hashlib.file_digest(opened, "sha256").digest()

    def open(self, file: StoredFile, read_ahead: int) -> BinaryIO:
        del read_ahead
        with readable(self.folder / file.name):
            return self._open(file)

    def _open(self, file: StoredFile) -> BufferedReader:
        return self.access.open(str(self.folder / file.name))


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Translate the errors of reading ``path``."""
    try:
        yield
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}; allowed: readable files"
        ) from error
