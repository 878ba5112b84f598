"""Which corpus an archive holds, as a request states it: the field ``corpus``."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ser._schemas import Name, Schema, as_mapping, parse, shown
from ser.corpora._base import SYNTHETIC, Corpus
from ser.corpora._labelled import by_folder, by_table
from ser.corpora.grammars import CORPORA
from ser.errors import InvalidInput

AUTO = "auto"
NAMES = (AUTO, *(corpus.name for corpus in CORPORA))

if TYPE_CHECKING:
    CorpusName = str
else:
    CorpusName = Literal[NAMES]

# Bounded, as the paths are (:data:`ser.corpora._labelled.MAX_NAME_BYTES`), so that most patterns
# that backtrack come to an end. One that does not holds up the process of its own training alone.
Pattern = Annotated[str, Meta(min_length=1, max_length=200)]


class CorpusChoice:
    """What a request says of its corpus: one of the structures of :data:`KINDS`."""

    @classmethod
    def parse(cls, value: object) -> CorpusChoice:
        """Return the choice that a name or an object describes.

        Raises
        ------
        InvalidInput
            A name that is not known, an object of no known kind, or one that does not fit.
        """
        if isinstance(value, str) and value in NAMES:
            return NamedCorpus(name=value)
        try:
            fields = as_mapping(value)
            kind = next(kind for key, kind in KINDS.items() if key in fields)
        except (InvalidInput, StopIteration) as error:
            raise InvalidInput(
                f"{shown(value)} does not fit; allowed: {', '.join(NAMES)}, "
                '{"label": "folder", "speaker_pattern": "<regular expression>"} or '
                '{"table": "<CSV file in the archive>"}'
            ) from error
        return parse(kind, fields, checks={"speaker_pattern": checked_pattern})

    @abstractmethod
    def corpora(self, folder: Path, sounds: Sequence[PurePosixPath]) -> Sequence[Corpus]:
        """Return what the ``sounds`` of the extracted archive ``folder`` may be a corpus of.

        Raises
        ------
        InvalidInput
            The archive lacks what the choice needs.
        """


class NamedCorpus(Schema, CorpusChoice, frozen=True, kw_only=True):
    """A corpus whose file names are understood, or whichever of them fits best."""

    name: CorpusName

    def corpora(self, folder: Path, sounds: Sequence[PurePosixPath]) -> Sequence[Corpus]:
        del sounds
        named = [corpus for corpus in CORPORA if self.name in (AUTO, corpus.name)]
        if is_synthetic(folder):
            return [replace(corpus, name=f"synthetic {corpus.name}") for corpus in named]
        return named


class FolderCorpus(Schema, CorpusChoice, frozen=True, kw_only=True):
    """One folder for each label, anywhere in the archive."""

    label: Literal["folder"]
    speaker_pattern: Pattern | None = None

    def corpora(self, folder: Path, sounds: Sequence[PurePosixPath]) -> Sequence[Corpus]:
        del folder
        return [by_folder(sounds, self.speaker_pattern)]


class TableCorpus(Schema, CorpusChoice, frozen=True, kw_only=True):
    """A CSV file of the archive that names its files, emotions and speakers."""

    table: Name

    def corpora(self, folder: Path, sounds: Sequence[PurePosixPath]) -> Sequence[Corpus]:
        return [by_table(folder, sounds, self.table)]


KINDS: dict[str, type[NamedCorpus | FolderCorpus | TableCorpus]] = {
    "name": NamedCorpus,
    "label": FolderCorpus,
    "table": TableCorpus,
}
"""By the field that tells which kind an object is of."""


def is_synthetic(folder: Path) -> bool:
    """Whether the extracted archive ``folder`` says that nobody spoke its sounds."""
    try:
        with (folder / "README.txt").open("rb") as readme:
            return readme.read(len(SYNTHETIC)) == SYNTHETIC.encode()
    except OSError:
        return False


def checked_pattern(pattern: str | None) -> str | None:
    """Return ``pattern`` if it is a regular expression with a group."""
    try:
        groups = 1 if pattern is None else re.compile(pattern).groups
    except (re.error, OverflowError) as error:
        raise InvalidInput(
            f"{shown(pattern)} is no regular expression: {error}; allowed: such as '(spk[0-9]+)/'"
        ) from error
    if not groups:
        raise InvalidInput(f"{shown(pattern)} has no group; allowed: such as '(spk[0-9]+)/'")
    return pattern


def describe_corpus() -> dict[str, Any]:
    """Return the JSON schema of the field."""
    _, kinds = msgspec.json.schema_components([FolderCorpus, TableCorpus])
    return {"anyOf": [{"enum": NAMES}, *kinds.values()], "default": AUTO}
