"""A corpus on disk.

``pristine/`` contains its archive, ``working/`` the content of the archive, and ``features/`` the
features extracted from it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

import msgspec

from ser._addresses import printable
from ser._progress import ProgressCallback
from ser.corpora._base import require_sounds
from ser.errors import Busy, Conflict, InvalidInput, TooLarge, within
from ser.fetching import (
    FULL_ACCESS,
    Access,
    FolderPlace,
    Place,
    Version,
    archive_suffix,
    extract,
    fetch,
    redact_url,
)
from ser.limits import Limits

T = TypeVar("T")

FEATURES = re.compile(r"[0-9a-f]{64}(\..*)?")
"""Names of extracted features in their folder: the key on which they depend."""


class Provenance(msgspec.Struct, frozen=True):
    """The origin of the files of a corpus, and a checksum of the files."""

    remote_url: str
    """URL or path of the files, without the parts that may be secret."""
    url_sha256: str
    """SHA-256 of the whole URL, which distinguishes URLs that differ only in their secret parts."""
    sha256: str
    """SHA-256 of the archive; else of the names and contents of the files, where those in buckets
    have their ETags for the contents."""
    size: int
    """Size of the files in bytes."""

    @classmethod
    def of_all(cls, each: Sequence[Provenance]) -> Provenance:
        """Return the provenance of several sources together; that of one source unchanged."""
        if len(each) == 1:
            return each[0]
        return cls(
            " + ".join(one.remote_url for one in each),
            sha256_of("".join(one.url_sha256 for one in each)),
            sha256_of("".join(one.sha256 for one in each)),
            sum(one.size for one in each),
        )


class CorpusFolder:
    """The folder that keeps an archive, its content, and the features extracted from it.

    A new archive and its content are kept as ``incoming`` until the content has been accepted; then
    they replace the former ones. Each record is written after the data it describes, so after an
    interruption at most one step is repeated.
    """

    def __init__(self, path: Path, *, access: Access = FULL_ACCESS) -> None:
        self.path = path
        self._access = access
        self._pristine = path / "pristine"
        self._provenance = path / "pristine" / "source.json"
        self._working = path / "working"
        self._extracted = path / "working.json"
        # The format of an archive is unknown until it is complete.
        self._incoming_archive = path / "pristine" / "incoming.zip"
        self._incoming_provenance = path / "pristine" / "incoming.json"
        self._incoming = path / "incoming"
        self.features = path / "features"

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Lock the folder against changes by other processes while the context is open.

        Raises
        ------
        Busy
            Another process has locked it.
        InvalidInput
            The folder cannot be created or written.
        """
        missing = [each for each in (self.path, *self.path.parents) if not each.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = open_lock(self.path / ".lock")
        except OSError as error:
            with within("data_path"):
                raise InvalidInput(
                    f"{str(self.path)!r} cannot be written: {error.strerror}; "
                    "allowed: a folder with write permission"
                ) from error
        with lock:
            if not is_locked(lock, self.path / ".lock"):
                raise Busy(
                    f"data_path {str(self.path)!r} is in use by another training; "
                    "try again in a few seconds, or use another data_path."
                )
            try:
                yield
            except BaseException:
                self._forget(missing)
                raise

    def _forget(self, missing: Sequence[Path]) -> None:
        """Remove the folders that did not exist before, as far as they keep nothing."""
        with suppress(OSError):
            self._pristine.rmdir()
        if self.path in missing and [*self.path.iterdir()] == [self.path / ".lock"]:
            (self.path / ".lock").unlink()
            with suppress(OSError):
                for folder in missing:
                    folder.rmdir()

    def download(
        self,
        remote_url: str,
        *,
        version: Version,
        force: bool,
        limits: Limits,
        on_progress: ProgressCallback,
    ) -> Provenance:
        """Fetch ``version`` of the archive at ``remote_url``, unless it is kept already.

        Returns
        -------
        Provenance
            Origin and checksum of the archive.

        Raises
        ------
        Conflict
            The folder keeps the archive of another URL and ``force`` is false; or it contains files
            that do not come from a corpus, which are never replaced or removed.
        """
        kept = self._kept()
        if force:
            forget_features(self.features)
        if kept and not force:
            if kept.url_sha256 == sha256_of(remote_url):
                return kept
            raise Conflict(
                f"data_path {str(self.path)!r} contains the archive of {kept.remote_url!r}, not of "
                f"{redact_url(remote_url)!r}; allowed: the same archive, another data_path, "
                "or dataset_force true to replace it."
            )
        with within("source"):
            fetched = fetch(
                remote_url,
                self._incoming_archive,
                access=self._access,
                limit=limits.download_bytes,
                pace=limits.pace,
                on_progress=on_progress,
                version=version,
            )
        provenance = Provenance(
            printable(redact_url(remote_url)), sha256_of(remote_url), fetched.sha256, fetched.size
        )
        write_record(self._incoming_provenance, provenance)
        return provenance

    @property
    def _archive(self) -> Path:
        """The accepted archive, whose suffix is that of its format; without one, a path for it."""
        return next(self._pristine.glob("archive.*"), self._pristine / "archive.zip")

    def _kept(self) -> Provenance | None:
        """Return the provenance of the newest archive in the folder, accepted or not."""
        if self._incoming_provenance.exists() and not self._incoming_archive.exists():
            # :meth:`_accept` was interrupted between its first two steps.
            self._incoming_provenance.replace(self._provenance)
        kept = read_record(self._incoming_provenance) or read_record(self._provenance)
        if kept is None:
            for place in (self._archive, self._working, self._incoming, self.features):
                if place.exists():
                    raise Conflict(
                        f"data_path {str(self.path)!r} contains {place.name!r} of unknown origin; "
                        "allowed: an empty folder, or one that has kept a corpus before."
                    )
        return kept

    def extract(
        self,
        inspect: Callable[[Path, list[PurePosixPath]], T],
        *,
        limits: Limits,
        on_progress: ProgressCallback,
    ) -> T:
        """Unpack the newest archive to ``working/``, and return the result of ``inspect``.

        ``inspect`` receives the folder with the content, and the paths of its sounds relative to
        that folder. The former content is replaced once ``inspect`` has accepted the new one; a
        refused archive is deleted.
        """
        incoming = read_record(self._incoming_provenance)
        if incoming is None:
            provenance = read_record(self._provenance)
            if not self._working.exists() or read_record(self._extracted) != provenance:
                extract(self._archive, self._working, limits=limits, on_progress=on_progress)
                write_record(self._extracted, provenance)
            return inspect(self._working, require_sounds(self._working))
        try:
            extract(self._incoming_archive, self._incoming, limits=limits, on_progress=on_progress)
            result = inspect(self._incoming, require_sounds(self._incoming))
        except (InvalidInput, TooLarge):
            self._refuse()
            raise
        self._accept(incoming)
        return result

    def _accept(self, provenance: Provenance) -> None:
        suffix = archive_suffix(self._incoming_archive)
        # A former archive of another format has another name.
        self._archive.unlink(missing_ok=True)
        self._incoming_archive.replace(self._pristine / f"archive{suffix}")
        self._incoming_provenance.replace(self._provenance)
        self._extracted.unlink(missing_ok=True)
        shutil.rmtree(self._working, ignore_errors=True)
        self._incoming.replace(self._working)
        write_record(self._extracted, provenance)

    def _refuse(self) -> None:
        self._incoming_provenance.unlink()
        self._incoming_archive.unlink()
        shutil.rmtree(self._incoming, ignore_errors=True)

    @property
    def content(self) -> Place:
        """The content of the accepted archive."""
        # Workers of a cluster have other working directories.
        return FolderPlace(self._working.absolute())

    def content_size(self) -> int:
        """Return the size of the content in bytes."""
        return sum(file.stat().st_size for file in self._working.rglob("*") if file.is_file())

    def clean(self, *, archive: bool) -> None:
        """Remove ``working/``, ``features/`` and, if ``archive``, ``pristine/``."""
        self._extracted.unlink(missing_ok=True)
        forget_features(self.features)
        for folder in [self._working, *([self._pristine, self._incoming] if archive else [])]:
            shutil.rmtree(folder, ignore_errors=True)


def features_in(folder: Path) -> list[Path]:
    """Return the extracted features in ``folder``, without anything else that is there."""
    return [each for each in folder.iterdir() if FEATURES.fullmatch(each.name)]


def forget_features(folder: Path) -> None:
    """Remove the extracted features in ``folder``, and the folder if nothing else is in it."""
    if not folder.is_dir() or folder.is_symlink():
        return
    for each in features_in(folder):
        if each.is_dir():
            shutil.rmtree(each, ignore_errors=True)
        else:  # as written by former versions
            each.unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def open_lock(path: Path) -> IO[bytes]:
    """Return the lock file ``path``, which is created if necessary; a link is an error."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666), "r+b")


def is_locked(lock: IO[bytes], path: Path) -> bool:
    """Return whether this process has now locked ``path``, which is open as ``lock``."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A training that failed may have removed the file after it was opened.
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def sha256_of(remote_url: str) -> str:
    """Return the SHA-256 of ``remote_url`` in hexadecimal."""
    return hashlib.sha256(os.fsencode(remote_url)).hexdigest()


def write_record(path: Path, record: Provenance | None) -> None:
    """Replace the record at ``path`` in one step."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(msgspec.json.encode(record))
    temporary.replace(path)


def read_record(path: Path) -> Provenance | None:
    """Return the record at ``path``; ``None`` if it does not exist or cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Provenance)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
