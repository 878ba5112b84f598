"""A corpus on disk: ``pristine/`` holds its archive, ``working/`` what the archive holds."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import msgspec

from ser import audio
from ser.access import Access
from ser.archives import extract
from ser.errors import Busy, Conflict, InvalidInput, within
from ser.progress import Report
from ser.settings import Settings
from ser.transfer import fetch


class Source(msgspec.Struct, frozen=True):
    """Which archive is kept, and where it came from."""

    remote_url: str
    sha256: str
    size: int


class CorpusFolder:
    """The folder ``path``; the records beside the data say what of it is complete.

    A record is written after the data it speaks of and compared before they are used, so an
    interruption anywhere costs at most a step done again.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self.archive = path / "pristine" / "archive.zip"
        self.working = path / "working"
        self._source_record = path / "pristine" / "source.json"
        self._working_record = path / "working.json"
        self._settings = settings

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Keep other processes from changing the folder meanwhile.

        Raises
        ------
        Busy
            Another one is at it.
        InvalidInput
            The folder cannot be made or written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = (self.path / ".lock").open("w")
        except OSError as error:
            with within("data_path"):
                raise InvalidInput(
                    f"{str(self.path)!r} cannot be written: {error.strerror}; "
                    "allowed: a folder that can"
                ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Busy(
                    f"data_path {str(self.path)!r} is being prepared by another training; "
                    "ask again in a few seconds, or use another data_path."
                ) from error
            yield

    def source(self) -> Source | None:
        """Which archive is kept, if any is."""
        return read_record(self._source_record, Source) if self.archive.exists() else None

    def download(self, remote_url: str, *, force: bool, report: Report) -> Source:
        """Have the archive of ``remote_url`` in ``pristine/`` and return what it is.

        Raises
        ------
        Conflict
            The archive of another URL is kept, and ``force`` does not allow to replace it.
        """
        kept = self.source()
        if kept and not force:
            if kept.remote_url == remote_url:
                return kept
            raise Conflict(
                f"data_path {str(self.path)!r} holds the archive of {kept.remote_url!r}, not of "
                f"{remote_url!r}; allowed: the same remote_url, another data_path, or "
                "dataset_force true to replace it."
            )
        self.archive.parent.mkdir(parents=True, exist_ok=True)
        with within("remote_url"):
            got = fetch(
                remote_url,
                self.archive,
                access=Access(self._settings),
                max_bytes=self._settings.max_download_bytes,
                report=report,
            )
        source = Source(remote_url, got.sha256, got.size)
        write_record(self._source_record, source)
        return source

    def extract(self, *, force: bool, report: Report) -> None:
        """Have what the archive holds in ``working/``."""
        source = self.source()
        if not force and self.working.exists() and source == self._extracted():
            return
        self._working_record.unlink(missing_ok=True)
        with within("remote_url"):
            extract(
                self.archive,
                self.working,
                max_bytes=self._settings.max_extracted_bytes,
                report=report,
            )
        write_record(self._working_record, source)

    def _extracted(self) -> Source | None:
        return read_record(self._working_record, Source)

    def sounds(self) -> list[PurePosixPath]:
        """The sounds in ``working/``, as paths relative to it."""
        return sorted(
            PurePosixPath(file.relative_to(self.working).as_posix())
            for file in self.working.rglob("*")
            if file.suffix.lower() in audio.SUFFIXES and file.is_file()
        )

    def read(self, file: PurePosixPath) -> bytes:
        """The bytes of one of the :meth:`sounds`."""
        return (self.working / file).read_bytes()

    def clean(self, *, archive: bool) -> None:
        """Remove ``working/`` and, if ``archive``, ``pristine/``."""
        self._working_record.unlink(missing_ok=True)
        shutil.rmtree(self.working, ignore_errors=True)
        if archive:
            shutil.rmtree(self.archive.parent, ignore_errors=True)


def write_record(path: Path, record: msgspec.Struct | None) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(record))
    temporary.replace(path)


def read_record(path: Path, kind: type[Source]) -> Source | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
