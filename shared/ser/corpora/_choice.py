"""The field ``corpus`` of a request: the source of labels and speakers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ser._schemas import Name, Schema, as_mapping, parse, shown
from ser.corpora._base import SYNTHETIC, Corpus, tabulate
from ser.corpora._csv_files import Row
from ser.corpora._documents import find_documents, labelled_by_any_table, note_unused
from ser.corpora._labelled import labelled_by_emotion_folder, labelled_by_folder
from ser.corpora._patterns import check_pattern
from ser.corpora._sidecars import labelled_by_sidecars
from ser.corpora._tables import labelled_by_rows, labelled_by_table
from ser.corpora.grammars import CORPORA
from ser.errors import InvalidInput
from ser.limits import NO_LIMITS, Limits

AUTO = "auto"
NAMES = (AUTO, *(corpus.name for corpus in CORPORA))

if TYPE_CHECKING:
    CorpusName = str
else:
    CorpusName = Literal[NAMES]

Pattern = Annotated[str, Meta(min_length=1, max_length=200)]


class CorpusChoice:
    """The user's choice of a corpus: base of the classes in :data:`KINDS`."""

    @classmethod
    def parse(cls, value: object) -> CorpusChoice:
        """Return the choice in ``value``, a name or an object.

        Raises
        ------
        InvalidInput
            ``value`` is an unknown name or kind of object, or has an invalid field.
        """
        if isinstance(value, CorpusChoice):
            return value
        if isinstance(value, str) and value in NAMES:
            return NamedCorpus(name=value)
        try:
            fields = as_mapping(value)
            kind = next(kind for key, kind in KINDS.items() if key in fields)
        except (InvalidInput, StopIteration) as error:
            raise InvalidInput(
                f"{shown(value)} does not fit; allowed: {', '.join(NAMES)}, "
                '{"label": "folder", "label_pattern": "<regular expression>", '
                '"speaker_pattern": "<regular expression>"} or '
                '{"table": "<CSV file in the corpus>"}'
            ) from error
        return parse(kind, fields, checks=dict.fromkeys(PATTERNS, check_pattern))

    @abstractmethod
    def corpora(
        self, folder: Path, sounds: Sequence[PurePosixPath], limits: Limits = NO_LIMITS
    ) -> Sequence[Corpus]:
        """Return the corpora that the ``sounds`` of the corpus in ``folder`` may belong to.

        Raises
        ------
        InvalidInput
            The corpus lacks the table that the choice names.
        """


class NamedCorpus(Schema, CorpusChoice, frozen=True, kw_only=True):
    """A known corpus by its name, or ``auto``: each known corpus that folders of sounds fit.

    If no file name fits any corpus, ``auto`` uses a table with the labels, or else files beside the
    sounds, or else folders with names of emotions.
    """

    name: CorpusName

    def corpora(
        self, folder: Path, sounds: Sequence[PurePosixPath], limits: Limits = NO_LIMITS
    ) -> Sequence[Corpus]:
        documents = find_documents(folder)
        corpora = [
            corpus.opened(folder, documents, sounds)
            for corpus in CORPORA
            if self.name in (AUTO, corpus.name)
        ]
        if self.name == AUTO and not any(tabulate(sounds, each).utterances for each in corpora):
            labelled = (
                labelled_by_any_table(folder, documents, sounds, limits)
                or labelled_by_sidecars(folder, sounds)
                or labelled_by_emotion_folder(sounds)
            )
            corpora = [labelled] if labelled else corpora
        corpora = [each.noting(note_unused(documents, each.tables)) for each in corpora]
        if is_synthetic(folder):
            return [replace(corpus, name=f"synthetic {corpus.name}") for corpus in corpora]
        return corpora


class FolderCorpus(Schema, CorpusChoice, frozen=True, kw_only=True):
    """A corpus with one folder for each label, at any depth.

    The label is the folder of a sound, or the first group of ``label_pattern`` in its path.
    """

    label: Literal["folder"]
    label_pattern: Pattern | None = None
    speaker_pattern: Pattern | None = None

    def corpora(
        self, folder: Path, sounds: Sequence[PurePosixPath], limits: Limits = NO_LIMITS
    ) -> Sequence[Corpus]:
        del limits
        corpus = labelled_by_folder(sounds, self.speaker_pattern, self.label_pattern)
        return [corpus.noting(note_unused(find_documents(folder), ()))]


class TableCorpus(Schema, CorpusChoice, frozen=True, kw_only=True):
    """A corpus described by a CSV file in it: files, emotions and speakers."""

    table: Name

    def corpora(
        self, folder: Path, sounds: Sequence[PurePosixPath], limits: Limits = NO_LIMITS
    ) -> Sequence[Corpus]:
        return [labelled_by_table(folder, sounds, self.table, limits)]


@dataclass(frozen=True)
class StoredLabels(CorpusChoice):
    """Labels, speakers and so on that are stored with each sound; no request names this choice."""

    rows: Mapping[PurePosixPath, Sequence[Row]]
    """The row of each sound by path."""
    origin: str
    """The thing that has the rows, for messages."""
    flaws: Mapping[PurePosixPath, str] = field(default_factory=dict)
    """Reasons to reject sounds whose row cannot be read."""

    def corpora(
        self, folder: Path, sounds: Sequence[PurePosixPath], limits: Limits = NO_LIMITS
    ) -> Sequence[Corpus]:
        del sounds, limits
        corpus = labelled_by_rows(self.rows, self.origin, flaws=self.flaws)
        return [
            replace(corpus, name=f"synthetic {corpus.name}") if is_synthetic(folder) else corpus
        ]


KINDS: dict[str, type[NamedCorpus | FolderCorpus | TableCorpus]] = {
    "name": NamedCorpus,
    "label": FolderCorpus,
    "table": TableCorpus,
}
"""The classes of choices, by the field that identifies each in an object."""
PATTERNS = ("label_pattern", "speaker_pattern")
"""The fields with regular expressions."""


def is_synthetic(folder: Path) -> bool:
    """Return whether the corpus in ``folder`` declares its sounds synthetic."""
    try:
        with (folder / "README.txt").open("rb") as readme:
            return readme.read(len(SYNTHETIC)) == SYNTHETIC.encode()
    except OSError:
        return False


def corpus_schema() -> dict[str, Any]:
    """Return the JSON schema of the field ``corpus``."""
    _, kinds = msgspec.json.schema_components([FolderCorpus, TableCorpus])
    return {"anyOf": [{"enum": NAMES}, *kinds.values()], "default": AUTO}
