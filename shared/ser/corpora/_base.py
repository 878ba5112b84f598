"""What a corpus is, and how the one at hand is recognised from its file names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from ser._labels import Label
from ser.errors import InvalidInput

SYNTHETIC = "SYNTHETIC SPEECH"
"""How the ``README.txt`` of a corpus begins that nobody spoke: names alone would not tell."""


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """One sound of a corpus and what is known of it; what is not known is empty.

    ``name`` is unique in the corpus and fit for a file, mostly that of the sound itself.
    """

    name: str
    file: PurePosixPath
    code: str
    speaker: str
    gender: str
    text: str


class Rejection(msgspec.Struct, frozen=True):
    """A sound that is not trained on, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Corpus:
    """A corpus and how its files tell what they are."""

    name: str
    labels: tuple[Label, ...]
    parse: Callable[[PurePosixPath], Utterance]
    """From a path inside the archive to the utterance; raises ``ValueError`` with the reason."""
    missing: tuple[Rejection, ...] = ()
    """What it speaks of and the archive does not hold."""


@dataclass(frozen=True)
class Table:
    """The utterances of a corpus, sorted by name, and the sounds that were refused."""

    corpus: Corpus
    utterances: tuple[Utterance, ...]
    rejected: tuple[Rejection, ...]


def recognise(files: Iterable[PurePosixPath], corpora: Sequence[Corpus]) -> Table:
    """Return the table of the corpus that most of ``files`` fit.

    Raises
    ------
    InvalidInput
        There are no sounds, or none fits any of ``corpora``.
    """
    sounds = sorted(files)
    if not sounds:
        raise InvalidInput("the archive holds no sounds")
    table = max((tabulate(sounds, corpus) for corpus in corpora), key=lambda t: len(t.utterances))
    if not table.utterances:
        reasons = "; ".join(f"{each.file}: {each.reason}" for each in table.rejected[:3])
        known = ", ".join(corpus.name for corpus in corpora)
        which = "a known corpus" if len(corpora) > 1 else "the corpus that is stated"
        raise InvalidInput(
            f"none of the {len(sounds)} sounds is of {which} ({known}): {reasons}; "
            "allowed: files of that kind, or another value of corpus"
        )
    return table


def tabulate(files: Iterable[PurePosixPath], corpus: Corpus) -> Table:
    """Return what ``corpus`` makes of ``files``."""
    utterances: dict[str, Utterance] = {}
    rejected = list(corpus.missing)
    for file in files:
        try:
            utterance = corpus.parse(file)
        except ValueError as error:
            rejected.append(Rejection(str(file), str(error)))
            continue
        # Two formats of one recording must not end up on both sides of a split.
        stem = PurePosixPath(utterance.name).stem
        if twin := utterances.get(stem):
            rejected.append(Rejection(str(file), f"has the same name as {twin.file}"))
        else:
            utterances[stem] = utterance
    ordered = tuple(utterances[name] for name in sorted(utterances))
    return Table(corpus, ordered, tuple(rejected))
