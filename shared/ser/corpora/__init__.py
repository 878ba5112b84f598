"""Corpora: utterances with labels and speakers, which file names, folders or tables define."""

from __future__ import annotations

from ser.corpora._base import (
    SYNTHETIC,
    Corpus,
    Rejection,
    Table,
    Utterance,
    find_sounds,
    is_utf8,
    recognise,
    tabulate,
)
from ser.corpora._choice import CorpusChoice, corpus_schema
from ser.corpora._files import ArchiveFiles, CorpusFiles
from ser.corpora._folder import CorpusFolder, Provenance, features_in
from ser.corpora._inventory import CorpusPart, Inventory
from ser.corpora._opening import check_source, corpus_files
from ser.corpora._shard_names import expand
from ser.corpora._source import (
    COMMON,
    MAX_SOURCES,
    LabelRule,
    Source,
    SourceLike,
    SourcesLike,
    read_sources,
)
from ser.corpora._sources import Sources, open_sources
from ser.corpora._speakers import require_speakers, speaker_dependent
from ser.corpora.contents import StoredSound
from ser.corpora.grammars import CORPORA

__all__ = [
    "COMMON",
    "CORPORA",
    "MAX_SOURCES",
    "SYNTHETIC",
    "ArchiveFiles",
    "Corpus",
    "CorpusChoice",
    "CorpusFiles",
    "CorpusFolder",
    "CorpusPart",
    "Inventory",
    "LabelRule",
    "Provenance",
    "Rejection",
    "Source",
    "SourceLike",
    "Sources",
    "SourcesLike",
    "StoredSound",
    "Table",
    "Utterance",
    "check_source",
    "corpus_files",
    "corpus_schema",
    "expand",
    "features_in",
    "find_sounds",
    "is_utf8",
    "open_sources",
    "read_sources",
    "recognise",
    "require_speakers",
    "speaker_dependent",
    "tabulate",
]
