"""Known corpora, which the grammars of their file names identify."""

from __future__ import annotations

from ser.corpora._base import Corpus
from ser.corpora.grammars.crema_d import CREMA_D
from ser.corpora.grammars.emodb import EMODB
from ser.corpora.grammars.emovo import EMOVO
from ser.corpora.grammars.ravdess import RAVDESS
from ser.corpora.grammars.savee import SAVEE
from ser.corpora.grammars.tess import TESS

__all__ = ["CORPORA"]

CORPORA: tuple[Corpus, ...] = (EMODB, RAVDESS, CREMA_D, SAVEE, TESS, EMOVO)
"""All known corpora; further ones are added here."""
