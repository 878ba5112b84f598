"""Corpora with labels in folder names or in a table, regardless of the file names."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from posixpath import normpath

import msgspec

from ser._labels import Label
from ser.corpora._base import BY_PATTERN, SPLITS, Corpus, Rejection, Utterance
from ser.corpora._english import english, known_emotion
from ser.corpora._patterns import first_group
from ser.errors import InvalidInput

MAX_NAME_BYTES = 240
"""Maximum length of the name of an utterance in bytes; file systems allow 255."""
MAX_TABLE_BYTES = 16_000_000
"""Maximum size of a table in bytes."""
COLUMNS = ("file", "emotion", "speaker")
"""Mandatory columns of a table; ``gender``, ``text`` and ``take`` are optional."""

Row = dict[str, str]


def labelled_by_folder(
    sounds: Sequence[PurePosixPath],
    speaker_pattern: str | None = None,
    label_pattern: str | None = None,
) -> Corpus:
    """Return the corpus in which the label of a sound is the name of its folder.

    With a ``label_pattern`` the label is instead its first group in the path of a sound. Likewise
    the speaker is the first group of ``speaker_pattern``; without a pattern speakers are unknown.
    """

    def find_label(file: PurePosixPath) -> str:
        return first_group(label_pattern, file) if label_pattern else file.parent.name

    def parse(file: PurePosixPath) -> Utterance:
        label = find_label(file)
        if not label and label_pattern:
            raise ValueError(f"label_pattern {label_pattern!r} finds no label in its path")
        if not label:
            raise ValueError("it is not in a folder, so it has no label")
        return Utterance(
            name=flat_name(file),
            file=file,
            code=label,
            speaker=find_speaker(file, speaker_pattern) if speaker_pattern else "",
            gender="",
            text="",
        )

    labels = make_labels(map(find_label, sounds))
    notes = () if label_pattern else note_splits(label.code for label in labels)
    return Corpus("folder", labels, parse, notes=notes)


def note_splits(labels: Iterable[str]) -> tuple[str, ...]:
    """Return a note if ``labels`` are names of parts of a corpus, such as train and test."""
    splits = [label for label in labels if label.casefold() in SPLITS]
    if not splits:
        return ()
    return (
        f"the labels {', '.join(splits)} look like parts of a corpus, not like emotions; "
        f"{BY_PATTERN} takes the label from the folder above",
    )


def labelled_by_emotion_folder(sounds: Sequence[PurePosixPath]) -> Corpus | None:
    """Return the corpus labelled by folders if the folders of all sounds are named after emotions.

    Folders of the same emotion, such as ``ann/Happy`` and ``bob/happy``, share a label. Speakers
    are unknown. The result is ``None`` if another folder contains sounds, or if there is only one
    emotion.
    """
    emotions = {name: known_emotion(name) for name in sorted({s.parent.name for s in sounds})}
    if None in emotions.values() or len({*emotions.values()}) < 2:
        return None
    # The first spelling of each emotion is its code.
    codes: dict[str | None, str] = {}
    for name, emotion in emotions.items():
        codes.setdefault(emotion, name)
    by_folder = labelled_by_folder(sounds)

    def parse(file: PurePosixPath) -> Utterance:
        utterance = by_folder.parse(file)
        return msgspec.structs.replace(utterance, code=codes[emotions[utterance.code]])

    note = (
        f"no file name fits a known corpus, so the folders are the labels ({', '.join(emotions)}) "
        'and speakers are unknown; {"label": "folder", "speaker_pattern": "..."} finds speakers'
    )
    return replace(by_folder, labels=make_labels(codes.values()), parse=parse, notes=(note,))


def flat_name(file: PurePosixPath) -> str:
    """Return the path ``file`` as one name, since files of different folders may share a name."""
    name = "_".join(file.parts)
    if not name.isprintable() or name.startswith(".") or len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(
            f"its path cannot be the name of a sample; allowed: at most {MAX_NAME_BYTES} bytes, "
            "printable, no leading dot"
        )
    return name


def find_speaker(file: PurePosixPath, pattern: str) -> str:
    """Return the first group of ``pattern`` in the path ``file``."""
    speaker = first_group(pattern, file)
    if not speaker:
        raise ValueError(f"speaker_pattern {pattern!r} finds no speaker in its path")
    return speaker


def make_labels(codes: Iterable[str]) -> tuple[Label, ...]:
    """Return a label for each distinct code, sorted."""
    return tuple(Label(code, code, english(code)) for code in sorted({*codes} - {""}))


def labelled_by_table(folder: Path, sounds: Iterable[PurePosixPath], table: str) -> Corpus:
    """Return the corpus described by the CSV file ``table``, a path relative to ``folder``.

    Raises
    ------
    InvalidInput
        The file does not exist, is not CSV in UTF-8, is too large, or lacks a column.
    """
    rows, strays = group_rows(read_table(folder, table), PurePosixPath(table).parent, {*sounds})

    def parse(file: PurePosixPath) -> Utterance:
        if len(rows[file]) != 1:
            raise ValueError(f"{table} has {len(rows[file])} rows for it; allowed: one")
        (row,) = rows[file]
        if not row["emotion"]:
            raise ValueError(f"{table} has no emotion for it")
        return Utterance(
            name=flat_name(file),
            file=file,
            code=row["emotion"],
            speaker=row["speaker"],
            gender=row.get("gender", ""),
            text=row.get("text", ""),
            take=row.get("take", ""),
        )

    labels = make_labels(row["emotion"] for each in rows.values() for row in each)
    missing = tuple(
        Rejection(file, f"{table} lists it, but the sound does not exist") for file in strays
    )
    return Corpus("table", labels, parse, missing)


def group_rows(
    rows: Iterable[Row], home: PurePosixPath, sounds: set[PurePosixPath]
) -> tuple[dict[PurePosixPath, list[Row]], list[str]]:
    """Return the rows of each sound, and the files in the table that are not among ``sounds``.

    Paths in the table are relative to the corpus, or to ``home``, the folder of the table.
    """
    known: dict[PurePosixPath, list[Row]] = defaultdict(list)
    strays: list[str] = []
    for row in rows:
        paths = (PurePosixPath(normpath(base / row["file"])) for base in (PurePosixPath(), home))
        if sound := next((path for path in paths if path in sounds), None):
            known[sound].append(row)
        else:
            strays.append(row["file"])
    return known, strays


def read_table(folder: Path, table: str) -> list[Row]:
    """Return the rows of a CSV file (commas or semicolons), keyed by column in lower case."""
    text = read_text(folder, table)
    delimiter = max(",;", key=text.partition("\n")[0].count)
    try:
        lines = [*csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)]
    except csv.Error as error:
        raise InvalidInput(f"corpus.table {table!r} cannot be read as CSV: {error}") from error
    columns = [column.strip().lower() for column in lines[0]] if lines else []
    if missing := [column for column in COLUMNS if column not in columns]:
        raise InvalidInput(
            f"corpus.table {table!r} lacks the columns {', '.join(missing)}; it has "
            f"{', '.join(columns) or 'none'}; allowed: {', '.join(COLUMNS)}, and gender, text, take"
        )
    rows = ([*line, *[""] * len(columns)] for line in lines[1:] if line)
    return [{c: value.strip() for c, value in zip(columns, row, strict=False)} for row in rows]


def read_text(folder: Path, table: str) -> str:
    """Return the text of the CSV file ``table`` in ``folder``."""
    # Looked up among existing files, so a path cannot lead out of ``folder``.
    files = {
        file.relative_to(folder).as_posix(): file
        for file in folder.rglob("*.[cC][sS][vV]")
        if file.is_file()
    }
    if table not in files:
        found = ", ".join(sorted(files)[:5]) or "a corpus with a CSV file"
        raise InvalidInput(
            f"corpus.table {table!r} is not a CSV file of the corpus; allowed: {found}"
        )
    if (size := files[table].stat().st_size) > MAX_TABLE_BYTES:
        raise InvalidInput(
            f"corpus.table {table!r} has {size:,} bytes; allowed: {MAX_TABLE_BYTES:,}"
        )
    try:
        return files[table].read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"corpus.table {table!r} is not in UTF-8: {error}") from error
