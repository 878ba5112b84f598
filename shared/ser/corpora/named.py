"""The corpora whose file names are understood."""

from __future__ import annotations

from ser.corpora.base import Corpus
from ser.corpora.crema_d import CREMA_D
from ser.corpora.emodb import EMODB
from ser.corpora.emovo import EMOVO
from ser.corpora.ravdess import RAVDESS
from ser.corpora.savee import SAVEE
from ser.corpora.tess import TESS

CORPORA: tuple[Corpus, ...] = (EMODB, RAVDESS, CREMA_D, SAVEE, TESS, EMOVO)
"""A new one is added here."""
