"""Files beside a sound that have its label: ``x.json``, ``x.cls`` and ``x.txt`` beside ``x.wav``.

This is the convention of webdataset: files of one sample share the path up to the first dot of the
name (its source, ``tariterators.py``, ``base_plus_ext``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from ser.corpora._base import Corpus
from ser.corpora._csv_files import Row, find_columns
from ser.corpora._tables import labelled_by_rows
from ser.fetching import is_clutter

LABELS = (".json", ".cls")
"""Suffixes of the files that may have the label."""
SIDECARS = (*LABELS, ".txt")
MAX_SIDECAR_BYTES = 1 << 16
"""Maximum size of such a file in bytes."""
ORIGIN = "the file beside it"


def keys_of(file: str) -> tuple[str, str]:
    """Return the path ``file`` up to its last dot, and up to the first dot of its name."""
    folder, slash, name = file.rpartition("/")
    return f"{folder}{slash}{name.rpartition('.')[0]}", f"{folder}{slash}{name.partition('.')[0]}"


def read_sidecars(parts: Mapping[str, bytes]) -> Row:
    """Return the row of a sound from the contents of the files beside it by suffix.

    ``.json`` has an object with the names of the columns of tables, ``.cls`` the label, ``.txt``
    the text; the object precedes.

    Raises
    ------
    ValueError
        A content is too large or cannot be read.
    """
    row: Row = {}
    for suffix, column in ((".cls", "emotion"), (".txt", "text")):
        if suffix in parts:
            row[column] = text_of(parts[suffix], suffix).strip()
    if ".json" not in parts:
        return row
    try:
        fields = json.loads(text_of(parts[".json"], ".json"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the .json beside it cannot be read: {error}") from error
    if not isinstance(fields, dict):
        raise ValueError("the .json beside it has no object; allowed: {'emotion': ..., ...}")
    return row | row_of(fields)


def text_of(content: bytes, suffix: str) -> str:
    """Return ``content`` as a text; raise ``ValueError`` if it is too large or not UTF-8."""
    if len(content) > MAX_SIDECAR_BYTES:
        raise ValueError(
            f"the {suffix} beside it is too large; allowed: {MAX_SIDECAR_BYTES:,} bytes"
        )
    return content.decode("utf-8-sig")


def row_of(fields: Mapping[str, object]) -> Row:
    """Return the row with the known columns of ``fields``; only texts and numbers are values."""
    names = [*fields]
    values = {column: fields[names[index]] for column, index in find_columns(names).items()}
    return {
        column: str(value)
        for column, value in values.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool)
    }


def labelled_by_sidecars(folder: Path, sounds: Sequence[PurePosixPath]) -> Corpus | None:
    """Return the corpus whose labels are in files beside the ``sounds``; ``None``: there are none.

    ``sounds`` are relative to ``folder``.
    """
    kept = {
        path
        for file in folder.rglob("*")
        if file.suffix.lower() in SIDECARS
        and not is_clutter(PurePosixPath(path := file.relative_to(folder).as_posix()))
    }
    if not any(path.lower().endswith(LABELS) for path in kept):
        return None
    rows: dict[PurePosixPath, list[Row]] = {}
    flaws: dict[PurePosixPath, str] = {}
    for sound in sounds:
        try:
            parts = {
                suffix: (folder / path).read_bytes()
                for key in reversed(keys_of(str(sound)))
                for suffix in SIDECARS
                if (path := f"{key}{suffix}") in kept
            }
            rows[sound] = [read_sidecars(parts)]
        except ValueError as error:
            flaws[sound] = str(error)
    if not any(row.get("emotion") for (row,) in rows.values()):
        return None
    note = "no file name fits a known corpus, so the files beside the sounds give the labels"
    return labelled_by_rows(rows, ORIGIN, flaws=flaws).noting([note])
