"""Known corpora, which the grammars of their file names identify."""

from __future__ import annotations

from ser.corpora._base import Corpus
from ser.corpora.grammars.aesdd import AESDD
from ser.corpora.grammars.cafe import CAFE
from ser.corpora.grammars.crema_d import CREMA_D
from ser.corpora.grammars.emodb import EMODB
from ser.corpora.grammars.emovo import EMOVO
from ser.corpora.grammars.esd import ESD
from ser.corpora.grammars.iemocap import IEMOCAP
from ser.corpora.grammars.jl import JL
from ser.corpora.grammars.meld import MELD
from ser.corpora.grammars.mesd import MESD
from ser.corpora.grammars.nemo import NEMO
from ser.corpora.grammars.ravdess import RAVDESS
from ser.corpora.grammars.savee import SAVEE
from ser.corpora.grammars.shemo import SHEMO
from ser.corpora.grammars.subesco import SUBESCO
from ser.corpora.grammars.tess import TESS

__all__ = ["CORPORA"]

CORPORA: tuple[Corpus, ...] = (
    *(EMODB, RAVDESS, CREMA_D, SAVEE, TESS, EMOVO, ESD, MELD, IEMOCAP),
    *(NEMO, CAFE, AESDD, MESD, JL, SUBESCO, SHEMO),
)
"""All known corpora; further ones are added here. Requests and documents have their names from it.

No name of a file fits two of them.
"""
