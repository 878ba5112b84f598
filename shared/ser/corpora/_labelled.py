"""Corpora that say by folders or by a table what their files are, whatever the files are called."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from posixpath import normpath

from ser._labels import Label
from ser.corpora._base import Corpus, Rejection, Utterance
from ser.corpora._english import english
from ser.errors import InvalidInput

MAX_NAME_BYTES = 240
"""Of the name of an utterance: file systems take 255."""
MAX_TABLE_BYTES = 16_000_000
COLUMNS = ("file", "emotion", "speaker")
"""What a table must have; ``gender`` and ``text`` may stand beside."""

Row = dict[str, str]


def by_folder(sounds: Iterable[PurePosixPath], speaker_pattern: str | None) -> Corpus:
    """Return the corpus whose labels are the names of the folders that hold ``sounds``.

    The first group of ``speaker_pattern``, searched in a path, is the speaker; without a pattern
    no speaker is known.
    """

    def parse(file: PurePosixPath) -> Utterance:
        if not file.parent.name:
            raise ValueError("it lies in no folder that could be its label")
        return Utterance(
            name=joined(file),
            file=file,
            code=file.parent.name,
            speaker=speaker_in(file, speaker_pattern) if speaker_pattern else "",
            gender="",
            text="",
        )

    return Corpus("folder", labels_of(file.parent.name for file in sounds), parse)


def joined(file: PurePosixPath) -> str:
    """Return the path as one name, since files of different folders may be called alike."""
    name = "_".join(file.parts)
    if not name.isprintable() or name.startswith(".") or len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(
            f"its path makes no name for a sample; allowed: at most {MAX_NAME_BYTES} bytes, "
            "printable, no dot in front"
        )
    return name


def speaker_in(file: PurePosixPath, pattern: str) -> str:
    match = re.search(pattern, str(file))
    if not match or not match[1]:
        raise ValueError(f"speaker_pattern {pattern!r} finds no speaker in its path")
    return match[1]


def labels_of(values: Iterable[str]) -> tuple[Label, ...]:
    return tuple(Label(value, value, english(value)) for value in sorted({*values} - {""}))


def by_table(folder: Path, sounds: Iterable[PurePosixPath], table: str) -> Corpus:
    """Return the corpus that the CSV file ``table``, relative to ``folder``, describes.

    Raises
    ------
    InvalidInput
        There is no such file, it is no CSV in UTF-8, too large, or a column is missing.
    """
    rows, strays = sorted_out(read_table(folder, table), PurePosixPath(table).parent, {*sounds})

    def parse(file: PurePosixPath) -> Utterance:
        if len(rows[file]) != 1:
            raise ValueError(f"{table} has {len(rows[file])} rows for it; allowed: one")
        (row,) = rows[file]
        if not row["emotion"]:
            raise ValueError(f"{table} names no emotion for it")
        return Utterance(
            name=joined(file),
            file=file,
            code=row["emotion"],
            speaker=row["speaker"],
            gender=row.get("gender", ""),
            text=row.get("text", ""),
        )

    labels = labels_of(row["emotion"] for each in rows.values() for row in each)
    missing = tuple(
        Rejection(file, f"{table} names it, and it is no sound here") for file in strays
    )
    return Corpus("table", labels, parse, missing)


def sorted_out(
    rows: Iterable[Row], home: PurePosixPath, sounds: set[PurePosixPath]
) -> tuple[dict[PurePosixPath, list[Row]], list[str]]:
    """Return the rows by the sound they speak of, and the files of those that speak of none.

    A file is named as seen from the top of the archive, or from ``home``, the table's folder.
    """
    known: dict[PurePosixPath, list[Row]] = defaultdict(list)
    strays: list[str] = []
    for row in rows:
        places = (PurePosixPath(normpath(base / row["file"])) for base in (PurePosixPath(), home))
        if sound := next((place for place in places if place in sounds), None):
            known[sound].append(row)
        else:
            strays.append(row["file"])
    return known, strays


def read_table(folder: Path, table: str) -> list[Row]:
    """Return the rows of a CSV file, with commas or semicolons, by column in lower case."""
    text = read_text(folder, table)
    delimiter = max(",;", key=text.partition("\n")[0].count)
    try:
        lines = [*csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)]
    except csv.Error as error:
        raise InvalidInput(f"corpus.table {table!r} is no CSV that can be read: {error}") from error
    columns = [column.strip().lower() for column in lines[0]] if lines else []
    if missing := [column for column in COLUMNS if column not in columns]:
        raise InvalidInput(
            f"corpus.table {table!r} lacks {', '.join(missing)} among its columns "
            f"{', '.join(columns)}; allowed: {', '.join(COLUMNS)}, and gender, text"
        )
    rows = ([*line, *[""] * len(columns)] for line in lines[1:] if line)
    return [{c: value.strip() for c, value in zip(columns, row, strict=False)} for row in rows]


def read_text(folder: Path, table: str) -> str:
    # Looked up among what the archive holds, so no name leads out of it.
    files = {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*.[cC][sS][vV]")
        if file.is_file()
    }
    if table not in files:
        found = ", ".join(sorted(files)[:5]) or "an archive that holds one"
        raise InvalidInput(
            f"corpus.table {table!r} is no CSV file of the archive; allowed: {found}"
        )
    if (size := files[table].stat().st_size) > MAX_TABLE_BYTES:
        raise InvalidInput(
            f"corpus.table {table!r} has {size:,} bytes; allowed: {MAX_TABLE_BYTES:,}"
        )
    try:
        return files[table].read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"corpus.table {table!r} is not in UTF-8: {error}") from error
