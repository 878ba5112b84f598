"""The files of a corpus: in an archive, in a folder, or beside a CSV table."""

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
from ser.corpora._base import require_sounds
from ser.corpora._choice import CorpusChoice
from ser.corpora._csv_files import TABLE_SUFFIXES, tables_in
from ser.corpora._folder import CorpusFolder, Provenance, sha256_of
from ser.errors import InvalidInput, TooLarge, within
from ser.fetching import ANY, FULL_ACCESS, Access, Version
from ser.limits import NO_LIMITS, Limits

T = TypeVar("T")
Inspect = Callable[[Path, list[PurePosixPath]], T]
"""A function of a folder and the paths of its sounds, relative to it."""

POINTERS = {
    b"version https://git-lfs.github.com/spec/": "it is a Git LFS pointer, not the sound; run "
    "`git lfs pull` before packing the corpus",
    b"/annex/objects/": "it is a git-annex pointer, not the sound; run `git annex get .` before "
    "packing the corpus",
}
"""The beginning of files that stand for a sound elsewhere, each with the reason to reject it.

Git LFS, ``docs/spec.md``; git-annex, ``doc/internals/pointer_file.mdwn``.
"""


class CorpusFiles(ABC):
    """The files of a corpus. Faults in the files have the location ``source``."""

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
        """Make the files available on this machine, and return their provenance.

        If ``force``, files that are kept are fetched again, and kept features are removed.
        """

    @abstractmethod
    def inspect(self, inspect: Inspect[T], *, on_progress: ProgressCallback) -> T:
        """Return the result of ``inspect`` for the files that :meth:`obtain` made available."""

    def read(self, file: PurePosixPath) -> bytes:
        """Return the content of the file at the path ``file``, relative to the corpus.

        Raises
        ------
        InvalidInput
            The file is not the sound, but a pointer to it.
        """
        content = self._content(file)
        for beginning, reason in POINTERS.items():
            if content.startswith(beginning):
                raise InvalidInput(reason)
        return content

    @abstractmethod
    def _content(self, file: PurePosixPath) -> bytes:
        """Return the content of the file at the path ``file``, relative to the corpus."""

    @abstractmethod
    def clean(self, *, archive: bool) -> None:
        """Remove the files kept on this machine, and, if ``archive``, the archive too."""

    def choice(self, requested: CorpusChoice) -> CorpusChoice:
        """Return the choice for these files, given the choice that the caller ``requested``."""
        return requested


class ArchiveFiles(CorpusFiles):
    """The files in an archive, which is fetched and unpacked into a :class:`CorpusFolder`."""

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

    def _content(self, file: PurePosixPath) -> bytes:
        return self._folder.read(file)

    def clean(self, *, archive: bool) -> None:
        self._folder.clean(archive=archive)


class FolderFiles(CorpusFiles):
    """The files in a folder, read in place and never changed.

    Parameters
    ----------
    folder
        A folder with the sounds, at any depth.
    data_path
        A folder for extracted features. Default: features are not kept.
    table
        Name of a CSV file in ``folder`` with the emotion and the speaker of each sound.
    access
        Rules for the places that links in the folder may lead to.
    limits
        Maximum number of sounds, and their maximum size.
    """

    def __init__(
        self,
        folder: Path,
        *,
        data_path: Path | None = None,
        table: str | None = None,
        access: Access = FULL_ACCESS,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._folder, self._table = folder, table
        self._access, self._limits = access, limits
        self._data = None if data_path is None else CorpusFolder(data_path)

    @property
    def features(self) -> Path | None:
        return self._data.features if self._data else None

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        if self._data is None:
            yield
        else:
            with self._data.exclusively():
                yield

    def obtain(self, *, force: bool, on_progress: ProgressCallback) -> Provenance:
        if force and self.features:
            shutil.rmtree(self.features, ignore_errors=True)
        checksum, size = hashlib.sha256(), 0
        with within("source"):
            for file in (*self._sounds(), *([PurePosixPath(self._table)] if self._table else [])):
                content = self._content(file)
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

    def _content(self, file: PurePosixPath) -> bytes:
        try:
            return self._access.path(str(self._folder / file)).read_bytes()
        except OSError as error:
            raise InvalidInput(
                f"{self._folder / file} cannot be read: {error.strerror}; allowed: readable files"
            ) from error

    def clean(self, *, archive: bool) -> None:
        del archive
        if self.features:
            shutil.rmtree(self.features, ignore_errors=True)

    def choice(self, requested: CorpusChoice) -> CorpusChoice:
        if self._table is None:
            return requested
        implied = CorpusChoice.parse({"table": self._table})
        if requested not in (implied, CorpusChoice.parse("auto")):
            with within("corpus"):
                raise InvalidInput(
                    f"the table {self._table!r} defines the emotions; allowed: no field corpus"
                )
        return implied

    def _sounds(self) -> list[PurePosixPath]:
        """Return the sounds in the folder; raise an error unless they and the tables may be read
        and are within the limits."""
        sounds = require_sounds(self._folder)
        if len(sounds) > self._limits.files.value:
            raise TooLarge(
                f"{self._folder} has {len(sounds):,} sounds; allowed: {self._limits.files}"
            )
        limit = self._limits.extracted_bytes
        read = [*sounds, *tables_in(self._folder)]
        size = sum(self._access.path(str(self._folder / each)).stat().st_size for each in read)
        if size > limit.value:
            raise TooLarge(
                f"the sounds and tables in {self._folder} have {size:,} bytes; allowed: {limit}"
            )
        return sounds


def corpus_files(
    source: str,
    data_path: Path,
    *,
    keep_features: bool = True,
    access: Access = FULL_ACCESS,
    limits: Limits = NO_LIMITS,
    version: Version = ANY,
) -> CorpusFiles:
    """Return the files at ``source``, without reading or fetching them.

    Parameters
    ----------
    source
        A folder or a CSV table on this machine, which is read in place; or a zip or tar archive: a
        path, ``file://``, ``http(s)://``, ``s3://bucket/key`` or ``gs://bucket/key``; or the files
        below ``s3://bucket/prefix/`` or ``gs://bucket/prefix/``.
    data_path
        A folder that keeps the archive, its content, and extracted features.
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
            return FolderFiles(path, data_path=kept, access=access, limits=limits)
        if path.suffix.lower() in TABLE_SUFFIXES and path.is_file():
            return FolderFiles(
                path.parent, data_path=kept, table=path.name, access=access, limits=limits
            )
    return ArchiveFiles(source, data_path, access=access, limits=limits, version=version)
