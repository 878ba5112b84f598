"""Lookup of the files of a corpus by the paths that people write into tables."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import PurePosixPath
from posixpath import commonpath, normpath
from typing import NamedTuple

from ser.corpora._text import folded
from ser.sounds import SUFFIXES

ROOT = PurePosixPath()
LAST = "\U0010ffff"
"""The last character, which sorts after every other one."""
MAX_PATH = 4_096
"""Maximum length of a path in a table, as of paths in Linux. The lookup takes time in proportion to
its length and the number of its folders."""
MAX_SHOWN = 10
"""Maximum number of files that are returned of those that a path fits."""
MAX_COMPARED_LENGTH = 100
"""Maximum length of the names that are compared."""
MAX_COMPARED = 5_000
"""Maximum number of names that a misspelt one is compared with, since each takes about 0.1 ms."""


@dataclass(frozen=True)
class Ambiguous:
    """The files that a path fits equally well: the first of them, and their number."""

    candidates: tuple[PurePosixPath, ...]
    count: int


class Lookup:
    """The files of a corpus by path, base name, or path on another machine.

    A path fits a file by the first of these rules that any file satisfies; paths are compared by
    :func:`~ser.corpora._text.folded`, with backslashes as slashes, and without drive:

    1. it is the file's path, relative to the corpus or to ``home``;
    2. one of the two paths is the end of the other one, as of ``C:\\data\\sad\\1.wav``,
       ``sad/1.wav`` and ``1.wav``; the longest such end counts;
    3. as 2, without the suffixes of sounds;
    4. as 2 and 3, without the folders that all ``paths`` have in common.
    """

    def __init__(
        self,
        files: Iterable[PurePosixPath],
        paths: Iterable[str] = (),
        home: PurePosixPath = ROOT,
    ) -> None:
        self._files = frozenset(files)
        self._home = home
        self._whole = Ends((as_key(str(file)), file) for file in self._files)
        self._stems = Ends((without_suffix(as_key(str(file))), file) for file in self._files)
        keys = [key for path in paths if (key := as_key(path))]
        folders = {key.rpartition("/")[0] for key in keys}
        self._common = commonpath(folders) if len(keys) > 1 and "" not in folders else ""

    def find(self, path: str) -> PurePosixPath | Ambiguous | None:
        """Return the file that ``path`` fits; ``None`` if there is none."""
        for base in (ROOT, self._home):
            exact = PurePosixPath(normpath(base / path))
            if exact in self._files:
                return exact
        key = as_key(path)
        keys = [key]
        if self._common:
            keys.append(key.removeprefix(f"{self._common}/"))
        for each in filter(None, keys):
            for found in (self._whole.fit(each), self._stems.fit(without_suffix(each))):
                if len(found) > 1:
                    return Ambiguous(tuple(found.first(MAX_SHOWN)), len(found))
                if found:
                    return found.first(1)[0]
        return None

    def nearest(self, path: str) -> list[str]:
        """Return up to three files whose names are the most similar to that of ``path``."""
        *folders, name = as_key(path).split("/")

        def shared_folders(file: PurePosixPath) -> int:
            return len({*folders}.intersection(as_key(str(file)).split("/")))

        # A comparison takes time in proportion to the product of the lengths.
        if len(name) > MAX_COMPARED_LENGTH:
            return []
        close = get_close_matches(name, self._by_name)
        return [str(max(self._by_name[each], key=shared_folders)) for each in close]

    @cached_property
    def _by_name(self) -> dict[str, list[PurePosixPath]]:
        """The files by name, for the first names in order."""
        files: dict[str, list[PurePosixPath]] = {}
        for file in sorted(self._files):
            name = folded(file.name)
            if name in files or (len(files) < MAX_COMPARED and len(name) <= MAX_COMPARED_LENGTH):
                files.setdefault(name, []).append(file)
        return files


class Run(NamedTuple):
    """Neighbours in a list, which are not copied: many paths may each fit all files."""

    files: list[PurePosixPath]
    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    def first(self, count: int) -> list[PurePosixPath]:
        """Return the first ``count`` files, sorted."""
        return sorted(self.files[self.begin : min(self.end, self.begin + count)])


class Ends:
    """Files by the ends of their keys."""

    def __init__(self, files: Iterable[tuple[str, PurePosixPath]]) -> None:
        # In reversed keys an end is a beginning, and equal beginnings are neighbours.
        pairs = sorted((backwards(key), file) for key, file in files)
        self._keys = [key for key, _ in pairs]
        self._files = [file for _, file in pairs]

    def fit(self, key: str) -> Run:
        """Return the files with this ``key``; else those whose keys end with it; else those whose
        key is the longest end of it."""
        parts = key.split("/")
        for spans in (
            (self._span(key, "\0"), self._span(key, LAST)),
            (self._span("/".join(parts[n:]), "\0") for n in range(1, len(parts))),
        ):
            for begin, end in spans:
                if begin < end:
                    return Run(self._files, begin, end)
        return Run(self._files, 0, 0)

    def _span(self, end: str, last: str) -> tuple[int, int]:
        beginning = backwards(end)
        return bisect_left(self._keys, beginning), bisect_left(self._keys, beginning + last)


def as_key(path: str) -> str:
    """Return the path for comparisons: with slashes, without drive and root."""
    slashed = re.sub(r"^(file://|[a-z]:)", "", path.strip().replace("\\", "/"), flags=re.IGNORECASE)
    return "/".join(map(folded, normpath(f"/{slashed}").lstrip("/").split("/")))


def without_suffix(key: str) -> str:
    """Return ``key`` without the suffix of a sound."""
    # Dots are part of many names, such as "anna.angry.01".
    stem, dot, suffix = key.rpartition(".")
    return stem if f"{dot}{suffix}" in SUFFIXES else key


def backwards(key: str) -> str:
    """Return ``key`` with its last part first, and a slash after each part."""
    return "".join(f"{part}/" for part in reversed(key.split("/")))
