"""A source of a training: the place of a corpus, its grammar, and the labels to use."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ser._schemas import (
    Name,
    Schema,
    as_json_types,
    as_mapping,
    convert,
    convert_each,
    parse,
    shown,
)
from ser.corpora._choice import CorpusChoice
from ser.errors import InvalidInput, within
from ser.fetching import redact_url

MAX_SOURCES = 20
"""Maximum number of sources of one training."""
COMMON = "common"
"""The value of ``labels`` that keeps the emotions that all corpora share."""

Emotion = Annotated[str, Meta(min_length=1, max_length=100)]
LabelRule = Literal["common"] | dict[Emotion, Emotion | None] | list[Emotion]
"""The labels to use: new labels by label, ``None`` for one to leave out; or a list of labels, all
others being left out; or :data:`COMMON`."""

if TYPE_CHECKING:
    # As callers write them; `Source.parse` checks them.
    GivenChoice = CorpusChoice | str | Mapping[str, str] | None
    GivenRule = Literal["common"] | Mapping[str, str | None] | Sequence[str] | None
else:
    GivenChoice = CorpusChoice | None
    GivenRule = LabelRule | None


class Source(Schema, frozen=True, omit_defaults=True):
    """One of several corpora of a training.

    Examples
    --------
    >>> both = ["corpus", ser.Source("corpus.zip", labels={"boredom": None})]
    >>> found = ser.Dataset("data", both, labels="common").prepare()
    >>> found.name, len(found.utterances)
    ('emodb + emodb-2', 96)
    >>> found.labels[0]
    Label(code='anger', name='anger', emotion='anger')
    """

    remote_url: Name
    """The place: a zip archive, a folder or a table, as for :func:`ser.train`."""
    corpus: GivenChoice = None
    """The grammar of the corpus, as for :class:`ser.Dataset`. Default: that of the training."""
    labels: GivenRule = None
    """New labels by label of this corpus (its code, or the English word): a label that all corpora
    have, or ``None`` to leave the utterances out; or a list of the labels to keep; or ``"common"``.
    Default: all labels stay."""

    @classmethod
    def parse(cls, value: object) -> Source:
        """Return ``value`` as a source: a path, a URL, a mapping with the fields, or a source.

        Raises
        ------
        InvalidInput
            ``value`` is none of these, or has an invalid field.
        """
        if isinstance(value, str | os.PathLike):
            return cls(convert(str(value), Name))
        fields = msgspec.structs.asdict(value) if isinstance(value, Source) else value
        if not isinstance(fields, Mapping):
            raise InvalidInput(
                f"{shown(value)} does not fit; allowed: a path, a URL, or an object with "
                "remote_url, corpus and labels"
            )
        given = {str(name): each for name, each in fields.items() if each is not None}
        if isinstance(given.get("remote_url"), os.PathLike):
            given["remote_url"] = str(given["remote_url"])
        return parse(cls, as_mapping(as_json_types(given)))


SourceLike = Source | str | os.PathLike[str] | Mapping[str, Any]
"""A value that :meth:`Source.parse` accepts."""
SourcesLike = SourceLike | Sequence[SourceLike]
"""One source, or a list of sources."""


def read_sources(value: object) -> tuple[Source, ...]:
    """Return the sources in ``value``: one source, or a list of them.

    Raises
    ------
    InvalidInput
        A source is invalid, there are too many or none, or two have the same place.
    """
    if not isinstance(value, list | tuple):
        return (Source.parse(value),)
    sources = tuple(convert_each([*value], Source))
    if not 1 <= len(sources) <= MAX_SOURCES:
        raise InvalidInput(f"{len(sources)} sources; allowed: 1 to {MAX_SOURCES}")
    places = [source.remote_url for source in sources]
    for index, place in enumerate(places):
        if (first := places.index(place)) < index:
            with within(index):
                raise InvalidInput(
                    f"{redact_url(place)!r} is source {first}, too; allowed: each place once"
                )
    return sources
