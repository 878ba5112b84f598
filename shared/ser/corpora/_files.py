"""The files of a corpus, wherever they are: in an archive, in a folder, or beside a CSV table."""

from __future__ import annotations

import hashlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ser._addresses import printable, scheme
from ser._progress import ProgressCallback
from ser.corpora._choice import CorpusChoice
from ser.corpora._folder import CorpusFolder, Provenance, sha256_of, sounds_in
from ser.corpora.fetching import ANY, FULL_ACCESS, Access, Version
from ser.errors import InvalidInput, within
from ser.limits import NO_LIMITS, Limits

T = TypeVar("T")
Inspect = Callable[[Path, list[PurePosixPath]], T]
"""A function of a folder and the paths of its sounds, relative to it."""


class CorpusFiles(ABC):
    """The files of a corpus. Faults of the files themselves have the location ``source``."""

    @property
    @abstractmethod
    def features(self) -> Path | None:
        """The folder that keeps extracted features; ``None``: features are not kept."""

    @abstractmethod
    def exclusively(self) -> AbstractContextManager[None]:
        """Lock the files against changes by other processes while the context is open.

        Raises
        ------
        Busy
            Another process has locked them.
        """

    @abstractmethod
    def obtain(self, *, force: bool, on_progress: ProgressCallback) -> Provenance:
        """Make the files available on this machine, and return where they came from.

        ``force`` fetches again even what is kept, and removes the kept features.
        """

    @abstractmethod
    def inspect(self, inspect: Inspect[T], *, on_progress: ProgressCallback) -> T:
        """Return the result of ``inspect`` for the files, which :meth:`obtain` made available."""

    @abstractmethod
    def read(self, file: PurePosixPath) -> bytes:
        """Return the content of one file by its path among the files of the corpus."""

    @abstractmethod
    def clean(self, *, archive: bool) -> None:
        """Remove the copies kept on this machine; the archive too if ``archive``."""

    def choice(self, stated: CorpusChoice) -> CorpusChoice:
        """Return the corpus that the files hold, given the corpus that the caller ``stated``."""
        return stated


class ArchiveFiles(CorpusFiles):
    """The files in a zip archive, which is fetched and unpacked into a :class:`CorpusFolder`."""

    def __init__(
        self,
        remote_url: str,
        data_path: Path,
        *,
        access: Access = FULL_ACCESS,
        limits: Limits = NO_LIMITS,
        version: Version = ANY,
    ) -> None:
        self._remote_url, self._version = remote_url, version
        self._folder = CorpusFolder(data_path, access=access, limits=limits)

    @property
    def features(self) -> Path:
        return self._folder.features

    def exclusively(self) -> AbstractContextManager[None]:
        return self._folder.exclusively()

    def obtain(self, *, force: bool, on_progress: ProgressCallback) -> Provenance:
        if force:
            self._folder.forget_features()
        return self._folder.download(
            self._remote_url, version=self._version, force=force, on_progress=on_progress
        )

    def inspect(self, inspect: Inspect[T], *, on_progress: ProgressCallback) -> T:
        with within("source"):
            return self._folder.extract(inspect, on_progress=on_progress)

    def read(self, file: PurePosixPath) -> bytes:
        return self._folder.read(file)

    def clean(self, *, archive: bool) -> None:
        self._folder.clean(archive=archive)


class FolderFiles(CorpusFiles):
    """The files in a folder, read in place and never changed.

    Parameters
    ----------
    folder
        Holds the sounds, at any depth.
    data_path
        A folder for extracted features. Default: features are not kept.
    table
        Name of a CSV file in ``folder`` with emotion and speaker of each sound.
    """

    def __init__(
        self, folder: Path, *, data_path: Path | None = None, table: str | None = None
    ) -> None:
        self._folder, self._table = folder, table
        self._kept = None if data_path is None else CorpusFolder(data_path)

    @property
    def features(self) -> Path | None:
        return self._kept.features if self._kept else None

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        if self._kept is None:
            yield
        else:
            with self._kept.exclusively():
                yield

    def obtain(self, *, force: bool, on_progress: ProgressCallback) -> Provenance:
        if force and self.features:
            shutil.rmtree(self.features, ignore_errors=True)
        files = [*map(str, self._sounds()), *([self._table] if self._table else [])]
        checksum, size = hashlib.sha256(), 0
        for file in files:
            content = (self._folder / file).read_bytes()
            checksum.update(hashlib.sha256(os.fsencode(file)).digest())
            checksum.update(hashlib.sha256(content).digest())
            size += len(content)
        on_progress(1.0)
        place = str(self._folder / self._table if self._table else self._folder)
        return Provenance(printable(place), sha256_of(place), checksum.hexdigest(), size)

    def inspect(self, inspect: Inspect[T], *, on_progress: ProgressCallback) -> T:
        with within("source"):
            result = inspect(self._folder, self._sounds())
        on_progress(1.0)
        return result

    def read(self, file: PurePosixPath) -> bytes:
        return (self._folder / file).read_bytes()

    def clean(self, *, archive: bool) -> None:
        del archive
        if self.features:
            shutil.rmtree(self.features, ignore_errors=True)

    def choice(self, stated: CorpusChoice) -> CorpusChoice:
        if self._table is None:
            return stated
        implied = CorpusChoice.parse({"table": self._table})
        if stated not in (implied, CorpusChoice.parse("auto")):
            with within("corpus"):
                raise InvalidInput(
                    f"the table {self._table!r} names the emotions; allowed: to leave corpus out"
                )
        return implied

    def _sounds(self) -> list[PurePosixPath]:
        # As from archives, without the shadow files of macOS.
        return [sound for sound in sounds_in(self._folder) if "__MACOSX" not in sound.parts]


def corpus_files(
    source: str,
    data_path: Path,
    *,
    keep_features: bool = True,
    access: Access = FULL_ACCESS,
    limits: Limits = NO_LIMITS,
    version: Version = ANY,
) -> CorpusFiles:
    """Return the files at ``source``; nothing is read or fetched yet.

    Parameters
    ----------
    source
        A folder or a CSV table on this machine, read in place; any other path, ``file://``,
        ``http(s)://``, ``s3://bucket/key`` or ``gs://bucket/key`` is that of a zip archive.
    data_path
        Keeps the archive, its content, and extracted features.
    keep_features
        Whether features of files that are read in place are kept in ``data_path``.

    Raises
    ------
    InvalidInput
        ``access`` refuses ``source``.
    """
    if scheme(source) in ("", "file"):
        with within("source"):
            path = access.path(source)
        kept = data_path if keep_features else None
        if path.is_dir():
            return FolderFiles(path, data_path=kept)
        if path.suffix.lower() == ".csv" and path.is_file():
            return FolderFiles(path.parent, data_path=kept, table=path.name)
    return ArchiveFiles(source, data_path, access=access, limits=limits, version=version)
