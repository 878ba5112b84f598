"""Corpora: which files are utterances, and what their names, folders or tables say of them."""

from __future__ import annotations

from ser.corpora._base import (
    SYNTHETIC,
    Corpus,
    Rejection,
    Table,
    Utterance,
    recognise,
    tabulate,
)
from ser.corpora._choice import CorpusChoice, describe_corpus
from ser.corpora._files import ArchiveFiles, CorpusFiles, corpus_files
from ser.corpora._folder import CorpusFolder, Provenance
from ser.corpora._speakers import require_speakers, speaker_dependent
from ser.corpora.grammars import CORPORA

__all__ = [
    "CORPORA",
    "SYNTHETIC",
    "ArchiveFiles",
    "Corpus",
    "CorpusChoice",
    "CorpusFiles",
    "CorpusFolder",
    "Provenance",
    "Rejection",
    "Table",
    "Utterance",
    "corpus_files",
    "describe_corpus",
    "recognise",
    "require_speakers",
    "speaker_dependent",
    "tabulate",
]
