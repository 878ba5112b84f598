"""What every form of contents has: sounds, their addresses, and the documents beside them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from ser.corpora._choice import CorpusChoice
from ser.corpora._csv_files import MAX_TABLE_BYTES, TABLE_SUFFIXES
from ser.corpora._documents import DOCUMENTS, TEXT
from ser.corpora._sidecars import LABELS
from ser.errors import InvalidInput
from ser.fetching import Place, StoredFile

THREADS = 8
"""Number of documents that are fetched at the same time."""
POINTERS = {
    b"version https://git-lfs.github.com/spec/": "it is a Git LFS pointer, not the sound; run "
    "`git lfs pull` before packing the corpus",
    b"/annex/objects/": "it is a git-annex pointer, not the sound; run `git annex get .` before "
    "packing the corpus",
}
"""The beginning of files that stand for a sound elsewhere, each with the reason to reject it.

Git LFS, ``docs/spec.md``; git-annex, ``doc/internals/pointer_file.mdwn``.
"""


class StoredSound(ABC):
    """The address of a sound. It can be pickled and read in another process or on another machine
    that reaches the place."""

    def read(self) -> bytes:
        """Return the content of the file.

        Raises
        ------
        InvalidInput
            The file cannot be read, or is not the sound, but a pointer to it.
        Conflict, RemoteFailed
            As for :meth:`ser.fetching.Place.read`.
        """
        content = self._content()
        for beginning, reason in POINTERS.items():
            if content.startswith(beginning):
                raise InvalidInput(reason)
        return content

    @abstractmethod
    def _content(self) -> bytes:
        """Return the bytes at this address."""


@dataclass(frozen=True)
class Span(StoredSound):
    """A file of a place, or ``size`` bytes of it from the byte ``start`` on."""

    place: Place
    file: StoredFile
    start: int = 0
    size: int | None = None

    def _content(self) -> bytes:
        return self.place.read(self.file, self.start, self.size)


class Contents(ABC):
    """The sounds at a place in one form. Immutable."""

    place: Place
    files: Sequence[StoredFile]
    """The files that are read, documents included."""
    sounds: list[PurePosixPath]
    """The paths of the sounds, sorted."""
    labels: CorpusChoice | None = None
    """The choice that takes the labels from what is stored with each sound; ``None``: nothing is.
    """

    @abstractmethod
    def locate(self, sound: PurePosixPath) -> StoredSound:
        """Return the address of ``sound``."""

    @contextmanager
    def documents(self) -> Iterator[Path]:
        """Yield a folder with the tables and texts beside the sounds."""
        spans = self._documents()
        with TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for path in spans:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(THREADS) as threads:
                for _ in threads.map(lambda path: copy(spans[path], folder / path), spans):
                    pass
            yield folder

    def _documents(self) -> Mapping[PurePosixPath, Span]:
        """Return the addresses of the documents by path."""
        return {
            file.path: Span(self.place, file, 0, file.size)
            for file in self.files
            if file.path.suffix.lower() in (*DOCUMENTS, *LABELS)
        }


def copy(document: Span, path: Path) -> None:
    """Write ``document`` to ``path``; of one that no rule reads, only its size."""
    readable = path.suffix.lower() in (*TABLE_SUFFIXES, TEXT, *LABELS)
    with path.open("wb") as file:
        if readable and (document.size or 0) <= MAX_TABLE_BYTES:
            file.write(document.read())
        else:
            file.truncate(document.size)
