"""CSV files, as spreadsheets and scripts write them."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ser.corpora._lookup import Lookup
from ser.corpora._text import folded
from ser.errors import InvalidInput, SerError
from ser.fetching import is_clutter
from ser.limits import NO_LIMITS, Limits

MAX_TABLE_BYTES = 16_000_000
"""Maximum size of a table in bytes."""
TABLE_SUFFIXES = (".csv", ".tsv")
DELIMITERS = (",", ";", "\t", "|")

ALIASES: Mapping[str, tuple[str, ...]] = {
    "file": ("path", "filename", "filepath", "file path", "wav", "audio", "name"),
    "emotion": ("label", "emotion label", "class", "category"),
    "speaker": ("speaker id", "actor", "actor id", "subject", "subject id"),
}
"""Mandatory columns, each with other names for it; the first one that a table has is used."""
OPTIONAL = ("gender", "text", "take")

Row = dict[str, str]


@dataclass(frozen=True)
class TextTable:
    """The rows of a CSV file."""

    rows: list[Row]
    """Untrimmed values by the names of :data:`ALIASES` and :data:`OPTIONAL`; missing ones are
    empty."""
    notes: tuple[str, ...] = ()


def read_table(folder: Path, table: str, limits: Limits = NO_LIMITS) -> TextTable:
    """Return the rows of the CSV file ``table``, a path relative to ``folder``.

    Raises
    ------
    InvalidInput
        The file does not exist, is too large, is not CSV, lacks a column, or has more columns than
        ``limits`` allow.
    """
    text, notes = decode(find_table(folder, table), table)
    with broken_table(table):
        delimiter, text = find_delimiter(text)
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        header = next(lines, [])
    require_columns(header, table, limits)
    columns = find_columns(header)
    if missing := [column for column in ALIASES if column not in columns]:
        has = ", ".join(column.strip().lower() for column in header)
        accepted = "; ".join(f"{name} (or {', '.join(ALIASES[name])})" for name in missing)
        raise InvalidInput(
            f"corpus.table {table!r} lacks the columns {', '.join(missing)}; it has "
            f"{has or 'none'}; allowed: {', '.join(ALIASES)}, and gender, text, take; {accepted}"
        )
    with broken_table(table):
        rows = [
            {name: line[index] if index < len(line) else "" for name, index in columns.items()}
            for line in lines
            if any(value.strip() for value in line)
        ]
    return TextTable(rows, notes)


def read_columns(file: Path, columns: Collection[str]) -> Iterator[Row]:
    """Yield the values of ``columns`` in those rows of the CSV file ``file`` that have them all.

    The delimiter is a comma; the characters of other encodings than UTF-8 are replaced.

    Raises
    ------
    InvalidInput
        The file is too large, or is not CSV.
    """
    require_size(file, file.name)
    with (
        broken_table(file.name),
        file.open(encoding="utf-8-sig", errors="replace", newline="") as opened,
    ):
        lines = csv.reader(opened)
        # As :class:`csv.DictReader` reads it: the last of several columns with a name counts.
        indices = {name: index for index, name in enumerate(next(lines, [])) if name in columns}
        if len(indices) < len(columns):
            return
        last = max(indices.values())
        for line in lines:
            row = {name: line[i] for name, i in indices.items()} if last < len(line) else {}
            if row and all(row.values()):
                yield row


@contextmanager
def broken_table(table: str) -> Iterator[None]:
    """Translate the exceptions of reading the CSV file ``table``."""
    try:
        yield
    except SerError:
        raise
    except Exception as error:
        # Bytes from callers make the reader raise any kind of error.
        raise InvalidInput(f"corpus.table {table!r} cannot be read as CSV: {error}") from error


def require_columns(header: Sequence[str], table: str, limits: Limits) -> None:
    """Raise :class:`InvalidInput` if a table has more columns than ``limits`` allow."""
    if len(header) > limits.columns.value:
        raise InvalidInput(
            f"corpus.table {table!r} has {len(header):,} columns; allowed: {limits.columns}"
        )


def require_size(file: Path, table: str) -> None:
    """Raise :class:`InvalidInput` if the CSV file ``file`` is too large."""
    if (size := file.stat().st_size) > MAX_TABLE_BYTES:
        raise InvalidInput(
            f"corpus.table {table!r} has {size:,} bytes; allowed: {MAX_TABLE_BYTES:,}"
        )


def find_table(folder: Path, table: str) -> Path:
    """Return the CSV file of the corpus that ``table`` names by its path or base name."""
    # Looked up among existing files, so a path cannot lead out of ``folder``.
    files = [*tables_in(folder)]
    found = Lookup(files).find(table)
    if not isinstance(found, PurePosixPath):
        some = ", ".join(map(str, sorted(files)[:5])) or "a corpus with a CSV file"
        raise InvalidInput(
            f"corpus.table {table!r} is not a CSV file of the corpus; allowed: {some}"
        )
    file = folder / found
    require_size(file, table)
    return file


def tables_in(folder: Path) -> Iterator[PurePosixPath]:
    """Yield the CSV files below ``folder``, relative to it."""
    for file in folder.rglob("*"):
        path = PurePosixPath(file.relative_to(folder).as_posix())
        if path.suffix.lower() in TABLE_SUFFIXES and not is_clutter(path) and file.is_file():
            yield path


def decode(file: Path, table: str) -> tuple[str, tuple[str, ...]]:
    """Return the text of ``file``, and a note if its encoding had to be guessed.

    Spreadsheets write UTF-8, UTF-16 ("Unicode text") or the code page of Windows for Western
    languages. Text in the latter is hardly ever valid UTF-8.
    """
    data = file.read_bytes()
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if data.startswith(mark):
            return decode_utf16(data, "utf-16", table), ()
    # In UTF-16, the names of columns have a zero byte beside each letter.
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if data[start:64:2].strip(b"\0") == b"" and data[1 - start : 64 : 2].strip(b"\0"):
            return decode_utf16(data, encoding, table), ()
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"corpus.table {table!r} is not text: {error}; allowed: UTF-8, UTF-16 or cp1252"
        ) from error
    return text, (f"{table} is not in UTF-8; it was read as cp1252, the code page of Windows",)


def decode_utf16(data: bytes, encoding: str, table: str) -> str:
    """Return ``data`` as text; raise :class:`InvalidInput` if it is not in ``encoding``."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"corpus.table {table!r} is not in UTF-16, as its first bytes say: {error}; "
            "allowed: UTF-8, UTF-16 or cp1252"
        ) from error


def find_delimiter(text: str) -> tuple[str, str]:
    """Return the delimiter of a table, and its text without a line that declares the delimiter.

    The delimiter is the declared one, as in ``sep=;`` for Excel; else that by which the first line
    has the most known columns, and among those the most columns.
    """
    declared = re.match(r'"?sep=(.)"?[,;\t]*(\r\n?|\n|$)', text, re.IGNORECASE)
    if declared:
        return declared[1], text[declared.end() :]

    def fit(delimiter: str) -> tuple[int, int]:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        return len(find_columns(header)), len(header)

    return max(DELIMITERS, key=fit), text


def find_columns(header: list[str]) -> dict[str, int]:
    """Return the index of each known column by the first of its names that ``header`` has."""
    indices: dict[str, int] = {}
    for index, column in enumerate(header):
        indices.setdefault(re.sub(r"[\s_-]+", " ", folded(column)), index)
    names = {**ALIASES, **dict.fromkeys(OPTIONAL, ())}
    return {
        name: next(indices[each] for each in (name, *others) if each in indices)
        for name, others in names.items()
        if not indices.keys().isdisjoint((name, *others))
    }
