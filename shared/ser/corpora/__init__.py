"""Corpora: which files are utterances, and what their names, folders or tables say of them."""

from ser.corpora.base import Corpus, Rejection, Table, Utterance, recognise, tabulate
from ser.corpora.choice import CorpusChoice
from ser.corpora.emodb import EMODB
from ser.corpora.named import CORPORA

__all__ = [
    "CORPORA",
    "EMODB",
    "Corpus",
    "CorpusChoice",
    "Rejection",
    "Table",
    "Utterance",
    "recognise",
    "tabulate",
]
