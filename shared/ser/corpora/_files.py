"""The files of a corpus: in an archive that is copied, or at a place where they are read."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar

from ser._addresses import printable
from ser._progress import ProgressCallback
from ser.corpora._choice import CorpusChoice
from ser.corpora._folder import CorpusFolder, Provenance, forget_features, sha256_of
from ser.corpora.contents import Contents, Span, StoredSound, open_contents, require_small
from ser.errors import InvalidInput, within
from ser.fetching import ANY, FULL_ACCESS, Access, Place, StoredFile, Version, redact_url
from ser.limits import Limits

T = TypeVar("T")
Inspect = Callable[[Path, list[PurePosixPath]], T]
"""A function of a folder with the tables and texts of a corpus, and of the paths of its sounds."""


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
    def obtain(self, *, force: bool, limits: Limits, on_progress: ProgressCallback) -> Provenance:
        """Make the files available within ``limits``, and return their provenance.

        If ``force``, files that are kept are fetched again, and kept features are removed.
        """

    @abstractmethod
    def inspect(self, inspect: Inspect[T], *, limits: Limits, on_progress: ProgressCallback) -> T:
        """Return the result of ``inspect`` for the files that :meth:`obtain` made available."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Size of the files that :meth:`inspect` made available, in bytes."""

    @abstractmethod
    def locate(self, file: PurePosixPath) -> StoredSound:
        """Return the address of the sound at the path ``file``, relative to the corpus.

        Several threads may call it and read at the same time.
        """

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
        version: Version = ANY,
    ) -> None:
        self._remote_url, self._version = remote_url, version
        self._folder = CorpusFolder(data_path, access=access)

    @property
    def features(self) -> Path:
        return self._folder.features

    def exclusively(self) -> AbstractContextManager[None]:
        return self._folder.exclusively()

    def obtain(self, *, force: bool, limits: Limits, on_progress: ProgressCallback) -> Provenance:
        return self._folder.download(
            self._remote_url,
            version=self._version,
            force=force,
            limits=limits,
            on_progress=on_progress,
        )

    def inspect(self, inspect: Inspect[T], *, limits: Limits, on_progress: ProgressCallback) -> T:
        with within("source"):
            return self._folder.extract(inspect, limits=limits, on_progress=on_progress)

    @property
    def size(self) -> int:
        return self._folder.content_size()

    def locate(self, file: PurePosixPath) -> Span:
        return Span(self._folder.content, StoredFile(str(file), 0))

    def clean(self, *, archive: bool) -> None:
        self._folder.clean(archive=archive)


class PlacedFiles(CorpusFiles):
    """The files at a place, read where they are and never changed: loose sounds, tar shards or
    Parquet tables.

    Parameters
    ----------
    place
        A folder or a prefix with the sounds, at any depth.
    address
        The path or URL that names the files.
    data_path
        A folder for extracted features. Default: features are not kept.
    table
        Name of a CSV file at ``place`` with the emotion and the speaker of each sound.
    """

    def __init__(
        self,
        place: Place,
        address: str,
        *,
        data_path: Path | None = None,
        table: str | None = None,
    ) -> None:
        self._place, self._address, self._table = place, address, table
        self._data = None if data_path is None else CorpusFolder(data_path)
        self._contents: Contents | None = None

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

    def obtain(self, *, force: bool, limits: Limits, on_progress: ProgressCallback) -> Provenance:
        if force and self.features:
            forget_features(self.features)
        checksum = hashlib.sha256()
        with within("source"):
            self._contents = open_contents(self._place, limits, on_progress)
            for file in self._contents.files:
                checksum.update(hashlib.sha256(os.fsencode(file.name)).digest())
                checksum.update(self._place.fingerprint(file))
        on_progress(1.0)
        return Provenance(
            printable(redact_url(self._address)),
            sha256_of(self._address),
            checksum.hexdigest(),
            self.size,
        )

    def inspect(self, inspect: Inspect[T], *, limits: Limits, on_progress: ProgressCallback) -> T:
        contents = self._obtained
        with within("source"), contents.documents() as folder:
            require_small(contents.files, self._place, limits)
            result = inspect(folder, contents.sounds)
        on_progress(1.0)
        return result

    @property
    def size(self) -> int:
        return sum(file.size for file in self._obtained.files)

    def locate(self, file: PurePosixPath) -> StoredSound:
        return self._obtained.locate(file)

    @property
    def _obtained(self) -> Contents:
        if self._contents is None:
            raise RuntimeError("obtain comes first")
        return self._contents

    def clean(self, *, archive: bool) -> None:
        del archive
        if self.features:
            forget_features(self.features)

    def choice(self, requested: CorpusChoice) -> CorpusChoice:
        automatic = CorpusChoice.parse("auto")
        if self._table is None:
            return (self._obtained.labels or requested) if requested == automatic else requested
        implied = CorpusChoice.parse({"table": self._table})
        if requested not in (implied, automatic):
            with within("corpus"):
                raise InvalidInput(
                    f"the table {self._table!r} defines the emotions; allowed: no field corpus"
                )
        return implied
