"""Corpora: which files are utterances, and what their names say of them."""

from ser.corpora.base import Corpus, Label, Rejection, Table, Utterance, recognise, tabulate
from ser.corpora.emodb import EMODB

CORPORA: tuple[Corpus, ...] = (EMODB,)
"""The corpora whose file names are understood; a new one is added here."""

__all__ = [
    "CORPORA",
    "EMODB",
    "Corpus",
    "Label",
    "Rejection",
    "Table",
    "Utterance",
    "recognise",
    "tabulate",
]
