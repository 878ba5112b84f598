"""Tables beside the sounds of a corpus."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from ser.corpora._base import Corpus, tabulate
from ser.corpora._csv_files import TABLE_SUFFIXES
from ser.corpora._tables import labelled_by_table
from ser.errors import InvalidInput
from ser.fetching import is_clutter
from ser.limits import NO_LIMITS, Limits

DOCUMENTS = frozenset({".csv", ".tsv", ".xls", ".xlsx", ".txt"})
"""Suffixes of the files beside sounds that may contain labels."""
TEXT = ".txt"
"""The suffix of documents that are seldom tables, so that no note mentions them."""
MAX_SHOWN = 5
"""Maximum number of tables in a note."""
MAX_TRIED = 20
"""Maximum number of tables that are searched for labels unless a request names one."""


def find_documents(folder: Path) -> list[PurePosixPath]:
    """Return the tables and texts anywhere below ``folder``, sorted, as paths relative to it."""
    return sorted(
        path
        for file in folder.rglob("*")
        if file.suffix.lower() in DOCUMENTS
        and not is_clutter(path := PurePosixPath(file.relative_to(folder).as_posix()))
        and file.is_file()
    )


def labelled_by_any_table(
    folder: Path,
    documents: Collection[PurePosixPath],
    sounds: Sequence[PurePosixPath],
    limits: Limits = NO_LIMITS,
) -> Corpus | None:
    """Return the corpus of the first table that has the labels of ``sounds``, if there is one."""
    tables = (table for table in documents if table.suffix.lower() in TABLE_SUFFIXES)
    # Each is compared with all sounds.
    for table in islice(tables, MAX_TRIED):
        try:
            corpus = labelled_by_table(folder, sounds, str(table), limits)
        except InvalidInput:
            continue
        if tabulate(sounds, corpus).utterances:
            note = f"no file name fits a known corpus, so {table} gives labels and speakers"
            return corpus.noting([note], tables={table})
    return None


def note_unused(documents: Collection[PurePosixPath], used: Collection[PurePosixPath]) -> list[str]:
    """Return a note that names the tables among ``documents`` that are not ``used``, if any."""
    unused = [str(path) for path in documents if path.suffix.lower() != TEXT and path not in used]
    if not unused:
        return []
    more = f", and {len(unused) - MAX_SHOWN} more" if len(unused) > MAX_SHOWN else ""
    return [
        f"labels are not taken from the tables beside the sounds ({', '.join(unused[:MAX_SHOWN])}"
        f'{more}); corpus {{"table": "<CSV file>"}} takes them from one with the columns file, '
        "emotion, speaker"
    ]
