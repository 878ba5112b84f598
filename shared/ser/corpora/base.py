"""What a corpus is, and how the one at hand is recognised from its file names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from ser.errors import InvalidInput


class Label(msgspec.Struct, frozen=True):
    """An emotion: the corpus's own code and name for it, and the English word used throughout."""

    code: str
    name: str
    emotion: str

    def __str__(self) -> str:
        """``L - Langeweile``: the key of a probability."""
        return f"{self.code} - {self.name}"


class Utterance(msgspec.Struct, frozen=True, kw_only=True):
    """One sound of a corpus and what is known of it; ``name`` is its file name."""

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
    """A corpus and the grammar of its file names."""

    name: str
    labels: tuple[Label, ...]
    parse: Callable[[PurePosixPath], Utterance]
    """From a path inside the archive to the utterance; raises ``ValueError`` with the reason."""


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
        raise InvalidInput(
            f"none of the {len(sounds)} sounds has a name of a known corpus ({known}): {reasons}"
        )
    return table


def tabulate(files: Iterable[PurePosixPath], corpus: Corpus) -> Table:
    """Return what the grammar of ``corpus`` makes of ``files``."""
    utterances: dict[str, Utterance] = {}
    rejected: list[Rejection] = []
    for file in files:
        try:
            utterance = corpus.parse(file)
        except ValueError as error:
            rejected.append(Rejection(str(file), str(error)))
            continue
        # Two formats of one recording must not end up on both sides of a split.
        if twin := utterances.get(file.stem):
            rejected.append(Rejection(str(file), f"has the same name as {twin.file}"))
        else:
            utterances[file.stem] = utterance
    ordered = tuple(utterances[name] for name in sorted(utterances))
    return Table(corpus, ordered, tuple(rejected))
