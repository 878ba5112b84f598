"""A store in a local folder, which is safe with concurrent processes and after a crash."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ser.errors import InvalidInput, RemoteFailed, StorageFull
from ser.store._store import Store, Stored

NOTHING_THERE = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""The errors of a file system without space."""
UNUSABLE = {
    errno.EACCES,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


DRAFT = re.compile(r"\.[0-9a-f]{16}")
"""Names of files that are not complete."""
ATTEMPTS = 100
"""Maximum number of attempts to create a file while other processes remove its empty folder."""


class FolderStore(Store):
    """A store whose keys are paths below ``root``, which the first write creates.

    A file gets the name of its key when it is complete. Before that its name begins with a dot, as
    that of the lock file for replacements does; keys cannot begin with a dot.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).absolute()
        super().__init__(str(self._root))

    def check_writable(self) -> None:
        # Unlike Path.exists, access raises nothing for a folder in one that is closed to this user.
        folders = (self._root, *self._root.parents)
        missing = [each for each in folders if not os.access(each, os.F_OK)]
        super().check_writable()
        with suppress(OSError):  # another writer uses them already
            for folder in missing:
                folder.rmdir()

    def _read(self, key: str, most: int | None = None) -> Stored | None:
        try:
            # Without waiting, since a pipe may have the name of a key.
            descriptor = os.open(self._root / key, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except NOTHING_THERE:
            return None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as file:
            # Python takes the memory for all bytes that are asked for, and `most` may come from a
            # manifest.
            return Stored(file.read(-1 if most is None else min(most, status.st_size)), tag="")

    def _holds(self, key: str) -> bool:
        return (self._root / key).is_file()

    def _create(self, key: str, data: bytes) -> bool:
        target = self._root / key
        with self._draft(target, data) as draft:
            try:
                os.link(draft, target)  # fails if the name exists, unlike a rename
            except FileExistsError:
                return False
            sync(target.parent)
            return True

    def _replace(self, key: str, old: Stored, data: bytes) -> bool:
        target = self._root / key
        with self._draft(target, data) as draft, (self._root / ".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._read(key) != old:
                return False
            draft.replace(target)
            sync(target.parent)
            return True

    def _delete(self, key: str) -> None:
        self._remove(self._root / key)

    def _tidy(self, seconds: float, dry_run: bool) -> list[str]:
        now, found = time.time(), []
        for folder, _, names in os.walk(self._root, topdown=False):
            for name in filter(DRAFT.fullmatch, names):
                path = Path(folder, name)
                with suppress(FileNotFoundError):
                    if now - path.stat().st_mtime >= seconds:
                        found.append(str(path.relative_to(self._root)))
                        if not dry_run:
                            self._remove(path)
            # A killed writer may also leave a folder in which it has not begun.
            if not dry_run and folder != str(self._root):
                with suppress(OSError):
                    Path(folder).rmdir()
        return found

    def _sweep(self, folder: str) -> None:
        super()._sweep(folder)
        # Drafts of killed writers have hidden names, which :meth:`_names` skips.
        shutil.rmtree(self._root / folder, ignore_errors=True)

    def _names(self, folder: str) -> Iterator[str]:
        with suppress(*NOTHING_THERE), os.scandir(self._root / folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield f"{entry.name}/" if entry.is_dir() else entry.name

    @contextmanager
    def _draft(self, target: Path, data: bytes) -> Iterator[Path]:
        """Yield a file beside ``target`` that contains ``data``; remove it afterwards."""
        draft = target.with_name(f".{os.urandom(8).hex()}")
        try:
            with create(draft) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield draft
        finally:
            self._remove(draft)

    def _remove(self, path: Path) -> None:
        """Remove a file, if it exists, and all folders that become empty."""
        path.unlink(missing_ok=True)
        with suppress(OSError):  # the first folder that is not empty ends the loop
            while (path := path.parent) != self._root:
                path.rmdir()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = f"{self.uri}: {error.strerror}"
            if error.errno in FULL:
                raise StorageFull(f"no space is left in {reason}") from error
            if error.errno in UNUSABLE:
                raise InvalidInput(
                    f"cannot keep files in {reason}; allowed: a folder that exists or can be"
                    " created, with permission to read and write"
                ) from error
            raise RemoteFailed(f"the file system failed below {reason}") from error


def create(path: Path) -> BinaryIO:
    """Return a new file, open for writing; missing folders are created."""
    for _ in range(ATTEMPTS):
        # Another process may remove the empty folder between the two calls.
        with suppress(FileExistsError, FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def sync(folder: Path) -> None:
    """Write the names in ``folder`` to disk, so that they survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
