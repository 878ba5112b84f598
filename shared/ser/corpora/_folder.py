"""A corpus on disk: ``pristine/`` holds its archive, ``working/`` what the archive holds, and
``features/`` what was extracted of it."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec

from ser._progress import Report
from ser.corpora.fetching import FULL_ACCESS, Access, Version, extract, fetch, redact_url
from ser.errors import Busy, Conflict, InvalidInput, TooLarge, within
from ser.limits import NO_LIMITS, Limits
from ser.sounds import SUFFIXES

T = TypeVar("T")


class Source(msgspec.Struct, frozen=True):
    """An archive and where it came from."""

    remote_url: str
    """Without what may be secret in it; :attr:`url_sha256` tells URLs apart."""
    url_sha256: str
    sha256: str
    size: int


class CorpusFolder:
    """The folder ``path``.

    A new archive and its content wait as ``incoming`` until somebody who looked at the content
    lets them take the place of what was there. Each record is written after the data it speaks
    of, so an interruption anywhere costs at most a step done again.
    """

    def __init__(
        self, path: Path, *, access: Access = FULL_ACCESS, limits: Limits = NO_LIMITS
    ) -> None:
        self.path = path
        self._access = access
        self._limits = limits
        self._archive = path / "pristine" / "archive.zip"
        self._source = path / "pristine" / "source.json"
        self._working = path / "working"
        self._extracted = path / "working.json"
        self._incoming_archive = path / "pristine" / "incoming.zip"
        self._incoming_source = path / "pristine" / "incoming.json"
        self._incoming = path / "incoming"
        self.features = path / "features"

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

    def download(self, remote_url: str, *, version: Version, force: bool, report: Report) -> Source:
        """Have the archive of ``remote_url`` here, in this ``version`` if it is fetched now, and
        return what it is.

        Raises
        ------
        Conflict
            The archive of another URL is kept, or files that are not ours, and ``force`` does not
            allow to replace it (what is not ours is never replaced).
        """
        kept = self._kept()
        if kept and not force:
            if kept.url_sha256 == digest(remote_url):
                return kept
            raise Conflict(
                f"data_path {str(self.path)!r} holds the archive of {kept.remote_url!r}, not of "
                f"{redact_url(remote_url)!r}; allowed: the same remote_url, another "
                "data_path, or dataset_force true to replace it."
            )
        with within("remote_url"):
            got = fetch(
                remote_url,
                self._incoming_archive,
                access=self._access,
                limit=self._limits.download_bytes,
                report=report,
                version=version,
            )
        source = Source(redact_url(remote_url), digest(remote_url), got.sha256, got.size)
        write_record(self._incoming_source, source)
        return source

    def _kept(self) -> Source | None:
        """The newest archive that is here, looked at or not."""
        if self._incoming_source.exists() and not self._incoming_archive.exists():
            # An interruption fell between the two halves of :meth:`_accept`.
            self._incoming_source.replace(self._source)
        kept = read_record(self._incoming_source) or read_record(self._source)
        if kept is None:
            for place in (self._archive, self._working, self._incoming, self.features):
                if place.exists():
                    raise Conflict(
                        f"data_path {str(self.path)!r} holds {place.name!r} of somebody else; "
                        "allowed: an empty folder, or one that held a corpus before."
                    )
        return kept

    def extract(self, look: Callable[[Path, list[PurePosixPath]], T], *, report: Report) -> T:
        """Have the content of the newest archive in ``working/``, and return what ``look`` does.

        What was there before gives way only when ``look`` accepts the folder and its sounds,
        given as paths relative to it; an archive that is refused is forgotten.
        """
        incoming = read_record(self._incoming_source)
        if incoming is None:
            source = read_record(self._source)
            if not self._working.exists() or read_record(self._extracted) != source:
                self._unpack(self._archive, self._working, report)
                write_record(self._extracted, source)
            return look(self._working, sounds_in(self._working))
        try:
            self._unpack(self._incoming_archive, self._incoming, report)
            seen = look(self._incoming, sounds_in(self._incoming))
        except (InvalidInput, TooLarge):
            self._refuse()
            raise
        self._accept(incoming)
        return seen

    def _unpack(self, archive: Path, folder: Path, report: Report) -> None:
        extract(archive, folder, limit=self._limits.extracted_bytes, report=report)

    def _accept(self, source: Source) -> None:
        self._incoming_archive.replace(self._archive)
        self._incoming_source.replace(self._source)
        self._extracted.unlink(missing_ok=True)
        shutil.rmtree(self._working, ignore_errors=True)
        self._incoming.replace(self._working)
        write_record(self._extracted, source)

    def _refuse(self) -> None:
        self._incoming_source.unlink()
        self._incoming_archive.unlink()
        shutil.rmtree(self._incoming, ignore_errors=True)

    def read(self, file: PurePosixPath) -> bytes:
        """The bytes of one of the sounds."""
        return (self._working / file).read_bytes()

    def forget_features(self) -> None:
        """Remove ``features/``."""
        shutil.rmtree(self.features, ignore_errors=True)

    def clean(self, *, archive: bool) -> None:
        """Remove ``working/``, ``features/`` and, if ``archive``, ``pristine/``."""
        self._extracted.unlink(missing_ok=True)
        self.forget_features()
        for folder in [self._working, *([self._archive.parent, self._incoming] if archive else [])]:
            shutil.rmtree(folder, ignore_errors=True)


def sounds_in(folder: Path) -> list[PurePosixPath]:
    """The sounds in ``folder``, sorted, as paths relative to it."""
    return sorted(
        PurePosixPath(file.relative_to(folder).as_posix())
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES and file.is_file()
    )


def digest(remote_url: str) -> str:
    return hashlib.sha256(remote_url.encode()).hexdigest()


def write_record(path: Path, record: Source | None) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(record))
    temporary.replace(path)


def read_record(path: Path) -> Source | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Source)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
