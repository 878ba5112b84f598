"""Corpora, utterances, and the recognition of a corpus from its file names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import msgspec

from ser._addresses import printable
from ser._labels import Label
from ser.errors import InvalidInput
from ser.fetching import is_clutter
from ser.sounds import SUFFIXES

SYNTHETIC = "SYNTHETIC SPEECH"
"""First words of the ``README.txt`` of a synthetic corpus, whose file names look like real ones."""

MAX_SHOWN = 10
"""Maximum number of folders or files in an error message."""

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")

SPLITS = frozenset(
    {
        *("train", "training", "test", "testing", "dev", "development"),
        *("val", "valid", "validation", "eval", "evaluation"),
    }
)
"""Names of folders that divide a corpus for experiments, so they are not emotions."""

MIN_UTTERANCES = 10
"""Minimum number of utterances of a further corpus in one place."""


class Utterance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sound of a corpus with its label and speaker; unknown fields are empty strings.

    ``name`` is unique in the corpus and a valid file name; in most corpora it is that of the sound.
    ``code`` is the code of the label. Utterances of a speaker with the same ``take`` are versions
    of one recording, such as those of two microphones.
    ``corpus`` is the name of one of several corpora.
    """

    name: str
    file: PurePosixPath
    code: str
    speaker: str
    gender: str
    text: str
    take: str = ""
    corpus: str = ""

    @property
    def group(self) -> str:
        """The group of utterances that no split separates: those of the same take."""
        return f"{self.speaker}/{self.take}" if self.take else self.name


class Rejection(msgspec.Struct, frozen=True):
    """A sound that training does not use, and the reason."""

    file: str
    reason: str


Parse = Callable[[PurePosixPath], Utterance]
"""A function from a path inside a corpus to its utterance. It raises ``ValueError`` with the reason
if the path is not that of an utterance."""


class LabelTables(NamedTuple):
    """The rule of a corpus that has its labels in tables beside the sounds."""

    parse: Parse
    used: frozenset[PurePosixPath]
    """The tables, as paths inside the corpus."""


@dataclass(frozen=True)
class Corpus:
    """The labels of a corpus, and the rule that turns one of its files into an utterance."""

    name: str
    labels: tuple[Label, ...]
    parse: Parse
    missing: tuple[Rejection, ...] = ()
    """Sounds that the table of the corpus lists, but that do not exist."""
    notes: tuple[str, ...] = ()
    """Notes for the user on the recognition of the corpus."""
    read_tables: (
        Callable[[Path, Collection[PurePosixPath], Collection[PurePosixPath]], LabelTables | None]
        | None
    ) = None
    """Function from a folder, its documents and its sounds to the rule in its tables, if the labels
    of the corpus are in tables; it returns ``None`` if the tables are missing."""
    tables: frozenset[PurePosixPath] = frozenset()
    """The tables that ``parse`` uses."""

    def opened(
        self,
        folder: Path,
        documents: Collection[PurePosixPath],
        sounds: Collection[PurePosixPath],
    ) -> Corpus:
        """Return the corpus with the rule for the files in ``folder``, whose tables are read."""
        found = self.read_tables(folder, documents, sounds) if self.read_tables else None
        return replace(self, parse=found.parse, tables=found.used) if found else self

    def noting(
        self, notes: Iterable[str], *, tables: Collection[PurePosixPath] | None = None
    ) -> Corpus:
        """Return the corpus with further ``notes``, and with its ``tables`` if they are given."""
        used = self.tables if tables is None else frozenset(tables)
        return replace(self, notes=(*self.notes, *notes), tables=used)


@dataclass(frozen=True)
class Table:
    """The utterances of a corpus, sorted by name, and the sounds that were rejected."""

    corpus: Corpus
    utterances: tuple[Utterance, ...]
    rejected: tuple[Rejection, ...]
    repeated: int = 0
    """Number of rejected sounds that have the name of another, as if the corpus were twice in its
    archive."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on the recognition of the corpus."""
        if not self.repeated:
            return self.corpus.notes
        count = f"sounds with the name of another: {self.repeated}; the first of each is used"
        return (*self.corpus.notes, f"{count}, see rejected")


def find_sounds(folder: Path) -> list[PurePosixPath]:
    """Return the sound files anywhere below ``folder``, sorted, as paths relative to it."""
    return sorted(
        path
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and not is_clutter(path := PurePosixPath(file.relative_to(folder).as_posix()))
        and file.is_file()
    )


def require_sounds(folder: Path) -> list[PurePosixPath]:
    """Return the sound files anywhere below ``folder``, as :func:`find_sounds` does.

    Raises
    ------
    InvalidInput
        There are none; the message says which other files there are.
    """
    if sounds := find_sounds(folder):
        return sounds
    raise missing_sounds(
        sorted(
            path
            for file in folder.rglob("*")
            if not is_clutter(path := PurePosixPath(file.relative_to(folder).as_posix()))
            and file.is_file()
        )
    )


def missing_sounds(others: Sequence[PurePosixPath]) -> InvalidInput:
    """Return the error for a corpus without sounds, which has the files ``others``."""
    message = f"the corpus contains no sounds ({', '.join(sorted(SUFFIXES))})"
    if packed := [*map(str, filter(is_archive, others))]:
        shown = ", ".join(packed[:MAX_SHOWN]) + ", ..." * (len(packed) > MAX_SHOWN)
        message += (
            f"; it contains archives, which are not unpacked ({shown}); "
            "allowed: one of them, or an archive of their content"
        )
    elif others:
        message += f"; it contains {', '.join(map(str, others[:3]))}" + ", ..." * (len(others) > 3)
    return InvalidInput(message)


def is_archive(file: PurePosixPath) -> bool:
    """Return whether ``file`` is an archive by its suffix."""
    return file.name.lower().endswith(ARCHIVE_SUFFIXES)


def recognise(files: Iterable[PurePosixPath], corpora: Sequence[Corpus]) -> tuple[Table, ...]:
    """Return the tables of the ``corpora`` that ``files`` belong to, the largest first.

    A folder belongs to the corpus that most of its sounds fit, and a folder that fits none to the
    largest corpus. A further corpus is found only if its folders have :data:`MIN_UTTERANCES` with
    two emotions or more; otherwise these folders belong to the largest corpus, too. So a few names
    that happen to fit another grammar are rejected and make no corpus.

    Raises
    ------
    InvalidInput
        There are no sounds, or no sound fits any of ``corpora``.
    """
    sounds = sorted(files)
    if not sounds:
        raise InvalidInput("the corpus contains no sounds")
    tables = sorted((tabulate(sounds, corpus) for corpus in corpora), key=size, reverse=True)
    if not tables[0].utterances:
        # With several corpora, the reasons of one of them explain nothing.
        reasons = "; ".join(
            f"{each.file}: {each.reason}" if len(corpora) == 1 else each.file
            for each in tables[0].rejected[:3]
        )
        names = ", ".join(corpus.name for corpus in corpora)
        which = "any known corpus" if len(corpora) > 1 else "the given corpus"
        raise InvalidInput(
            f"none of the {len(sounds)} sounds belongs to {which} ({names}): {reasons}; "
            f"allowed: {remedies(sounds, corpora)}"
        )
    largest, *others = tables
    owners = owners_of_folders(tables)
    further = [
        found
        for table in others
        if is_corpus(found := tabulate(owned(sounds, owners, table.corpus), table.corpus))
    ]
    if not further:
        return (largest,)
    elsewhere = {sound for table in further for sound in owned(sounds, owners, table.corpus)}
    rest = [sound for sound in sounds if sound not in elsewhere]
    return (tabulate(rest, largest.corpus), *further)


def size(table: Table) -> int:
    """Return the number of utterances in ``table``."""
    return len(table.utterances)


def is_corpus(table: Table) -> bool:
    """Return whether ``table`` is more than a few names that happen to fit."""
    emotions = {utterance.code for utterance in table.utterances}
    return size(table) >= MIN_UTTERANCES and len(emotions) >= 2


def owners_of_folders(tables: Sequence[Table]) -> dict[PurePosixPath, str]:
    """Return the name of the corpus that most sounds of each folder fit; of equals, the first."""
    counts: dict[PurePosixPath, Counter[str]] = defaultdict(Counter)
    for table in tables:
        for utterance in table.utterances:
            counts[utterance.file.parent][table.corpus.name] += 1
    return {folder: fitting.most_common(1)[0][0] for folder, fitting in counts.items()}


def owned(
    sounds: Iterable[PurePosixPath], owners: Mapping[PurePosixPath, str], corpus: Corpus
) -> list[PurePosixPath]:
    """Return the ``sounds`` in folders that belong to ``corpus``."""
    return [sound for sound in sounds if owners.get(sound.parent) == corpus.name]


BY_PATTERN = 'corpus {"label": "folder", "label_pattern": "([^/]+)/[^/]+/[^/]+$"}'
"""A value of the field ``corpus`` that takes labels from the folder above that of a sound."""


def remedies(sounds: Sequence[PurePosixPath], corpora: Sequence[Corpus]) -> str:
    """Return the allowed alternatives for ``sounds`` that fit none of ``corpora``, as a text."""
    folders = sorted({sound.parent.name for sound in sounds} - {""})
    choices = ["file names of such a corpus"]
    if folders and any(corpus.name != "folder" for corpus in corpora):
        shown = ", ".join(folders[:MAX_SHOWN]) + ", ..." * (len(folders) > MAX_SHOWN)
        choices.append(f'corpus {{"label": "folder"}} if the folders are the labels ({shown})')
    if SPLITS.intersection(map(str.casefold, folders)):
        choices.append(f"{BY_PATTERN} if a folder further up is the label")
    return ", ".join([*choices, "or another value of corpus"])


def is_utf8(file: PurePosixPath) -> bool:
    """Return whether the name of ``file`` is UTF-8; older archives have names in Latin-1."""
    return printable(file) == str(file)


def tabulate(files: Iterable[PurePosixPath], corpus: Corpus) -> Table:
    """Return the utterances that ``corpus`` finds in ``files``, and the rejected files."""
    utterances: dict[str, Utterance] = {}
    rejected, repeated = list(corpus.missing), 0
    for file in files:
        # Manifests, reports and models hold the names, in UTF-8.
        if not is_utf8(file):
            rejected.append(Rejection(printable(file), "its path is not in UTF-8"))
            continue
        try:
            utterance = corpus.parse(file)
        except ValueError as error:
            rejected.append(Rejection(str(file), str(error)))
            continue
        # Two files of the same recording must not be on different sides of a split.
        stem = PurePosixPath(utterance.name).stem
        if twin := utterances.get(stem):
            rejected.append(Rejection(str(file), f"has the same name as {twin.file}"))
            repeated += 1
        else:
            utterances[stem] = utterance
    ordered = tuple(utterances[name] for name in sorted(utterances))
    return Table(corpus, ordered, tuple(rejected), repeated)
