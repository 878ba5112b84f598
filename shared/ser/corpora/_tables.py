"""Corpora with labels in a table, regardless of the file names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from ser._schemas import shortened
from ser.corpora._base import Corpus, Rejection, Utterance
from ser.corpora._csv_files import Row, read_table
from ser.corpora._labelled import flat_name, make_labels
from ser.corpora._lookup import MAX_PATH, Lookup, as_key
from ser.corpora._text import unite_spellings
from ser.limits import NO_LIMITS, Limits

MAX_SUGGESTED = 10
"""Maximum number of paths for which the nearest files are looked up."""


def labelled_by_table(
    folder: Path, sounds: Iterable[PurePosixPath], table: str, limits: Limits = NO_LIMITS
) -> Corpus:
    """Return the corpus described by the CSV file ``table``, a path relative to ``folder``.

    Spellings of a label, speaker or gender are united.

    Raises
    ------
    InvalidInput
        As for :func:`~ser.corpora._csv_files.read_table`.
    """
    content = read_table(folder, table, limits)
    rows, strays, found = group_rows(content.rows, table, {*sounds})
    corpus = labelled_by_rows(rows, table)
    return replace(corpus, missing=strays, notes=content.notes + found + corpus.notes)


def labelled_by_rows(
    rows: Mapping[PurePosixPath, Sequence[Row]],
    origin: str,
    *,
    flaws: Mapping[PurePosixPath, str] = MappingProxyType({}),
) -> Corpus:
    """Return the corpus described by ``rows``, one of each sound.

    Spellings of a label, speaker or gender are united.

    Parameters
    ----------
    origin
        The file that has the rows, for messages.
    flaws
        Reasons to reject sounds whose row cannot be read.
    """
    used = [row for each in rows.values() for row in each]
    united = {
        column: unite_spellings(value for row in used if (value := row.get(column, "")).strip())
        for column in ("emotion", "speaker", "gender")
    }

    def parse(file: PurePosixPath) -> Utterance:
        if file in flaws:
            raise ValueError(flaws[file])
        if (count := len(rows.get(file, ()))) != 1:
            raise ValueError(f"{origin} has {count} rows for it; allowed: one")
        (row,) = rows[file]
        values = {
            column: spellings[row[column]] if row.get(column, "").strip() else ""
            for column, spellings in united.items()
        }
        if not values["emotion"]:
            raise ValueError(f"{origin} has no emotion for it")
        return Utterance(
            name=flat_name(file),
            file=file,
            code=values["emotion"],
            speaker=values["speaker"],
            gender=values["gender"],
            text=row.get("text", "").strip(),
            take=row.get("take", "").strip(),
        )

    notes: tuple[str, ...] = ()
    for column, spellings in united.items():
        notes += spellings.notes("labels" if column == "emotion" else f"{column}s")
    return Corpus("table", make_labels(united["emotion"]), parse, notes=notes)


def group_rows(
    rows: Sequence[Row], table: str, sounds: set[PurePosixPath]
) -> tuple[dict[PurePosixPath, list[Row]], tuple[Rejection, ...], tuple[str, ...]]:
    """Return the rows of each sound, the files in the table that are not one of ``sounds``, and a
    note on the files that were found by other paths.

    Paths in the table are looked up by the rules of :class:`~ser.corpora._lookup.Lookup`.
    """
    home = PurePosixPath(table).parent
    paths = [row["file"].strip() for row in rows]
    lookup = Lookup(sounds, paths, home)
    known: dict[PurePosixPath, list[Row]] = defaultdict(list)
    strays: list[Rejection] = []
    elsewhere: list[str] = []
    for path, row in zip(paths, rows, strict=True):
        if len(path) > MAX_PATH:
            reason = f"its path is above {MAX_PATH:,} characters"
            strays.append(Rejection(shortened(path), f"{table} lists it, but {reason}"))
            continue
        found = lookup.find(path)
        if isinstance(found, PurePosixPath):
            known[found].append(row)
            if as_key(str(found)) not in (as_key(path), as_key(str(home / path))):
                elsewhere.append(f"{path} as {found}")
        elif found:
            fits = ", ".join(map(str, found.candidates))
            reason = f"it fits {found.count} sounds ({fits}); allowed: the path of one of them"
            strays.append(Rejection(path, f"{table} lists it, but {reason}"))
        else:
            # Only some, because a comparison with all names takes long.
            near = lookup.nearest(path) if len(strays) < MAX_SUGGESTED else []
            reason = "; nearest: ".join(filter(None, ("the sound does not exist", ", ".join(near))))
            strays.append(Rejection(path, f"{table} lists it, but {reason}"))
    number = f"{len(elsewhere)} of {len(rows)} paths in {table}"
    notes = tuple(f"{number} were found elsewhere: {each}, ..." for each in elsewhere[:1])
    return known, tuple(strays), notes
