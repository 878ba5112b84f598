"""Corpora, utterances, and the recognition of a corpus from its file names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import msgspec

from ser._addresses import printable
from ser._labels import Label
from ser.errors import InvalidInput
from ser.sounds import SUFFIXES

SYNTHETIC = "SYNTHETIC SPEECH"
"""First words of the ``README.txt`` of a synthetic corpus, whose file names look like real ones."""

MAX_SHOWN = 10
"""Maximum number of folders in an error message."""
MIN_UTTERANCES = 10
"""Minimum number of utterances of a further corpus in one place."""


class Utterance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sound of a corpus with its label and speaker; unknown fields are empty strings.

    ``name`` is unique in the corpus and a valid file name; in most corpora it is that of the sound.
    ``code`` is the code of the label. ``corpus`` is the name of one of several corpora.
    """

    name: str
    file: PurePosixPath
    code: str
    speaker: str
    gender: str
    text: str
    corpus: str = ""


class Rejection(msgspec.Struct, frozen=True):
    """A sound that training does not use, and the reason."""

    file: str
    reason: str


@dataclass(frozen=True)
class Corpus:
    """The labels of a corpus, and the rule that turns one of its files into an utterance."""

    name: str
    labels: tuple[Label, ...]
    parse: Callable[[PurePosixPath], Utterance]
    """Function from a path inside the corpus to its utterance. It raises ``ValueError`` with the
    reason if the path is not that of an utterance."""
    missing: tuple[Rejection, ...] = ()
    """Sounds that the table of the corpus lists, but that do not exist."""
    notes: tuple[str, ...] = ()
    """Notes for the user on the recognition of the corpus."""


@dataclass(frozen=True)
class Table:
    """The utterances of a corpus, sorted by name, and the sounds that were rejected."""

    corpus: Corpus
    utterances: tuple[Utterance, ...]
    rejected: tuple[Rejection, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on the recognition of the corpus."""
        return self.corpus.notes


def find_sounds(folder: Path) -> list[PurePosixPath]:
    """Return the sound files anywhere below ``folder``, sorted, as paths relative to it."""
    return sorted(
        PurePosixPath(file.relative_to(folder).as_posix())
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES and file.is_file()
    )


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
        reasons = "; ".join(f"{each.file}: {each.reason}" for each in tables[0].rejected[:3])
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


def remedies(sounds: Sequence[PurePosixPath], corpora: Sequence[Corpus]) -> str:
    """Return the allowed alternatives for ``sounds`` that fit none of ``corpora``, as a text."""
    folders = sorted({sound.parent.name for sound in sounds} - {""})
    choices = ["file names of such a corpus"]
    if folders and any(corpus.name != "folder" for corpus in corpora):
        shown = ", ".join(folders[:MAX_SHOWN]) + ", ..." * (len(folders) > MAX_SHOWN)
        choices.append(f'corpus {{"label": "folder"}} if the folders are the labels ({shown})')
    return ", ".join([*choices, "or another value of corpus"])


def is_utf8(file: PurePosixPath) -> bool:
    """Return whether the name of ``file`` is UTF-8; older archives have names in Latin-1."""
    return printable(file) == str(file)


def tabulate(files: Iterable[PurePosixPath], corpus: Corpus) -> Table:
    """Return the utterances that ``corpus`` finds in ``files``, and the rejected files."""
    utterances: dict[str, Utterance] = {}
    rejected = list(corpus.missing)
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
        else:
            utterances[stem] = utterance
    ordered = tuple(utterances[name] for name in sorted(utterances))
    return Table(corpus, ordered, tuple(rejected))
