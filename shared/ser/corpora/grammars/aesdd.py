"""AESDD, the acted emotional speech dynamic database, in Greek.

Vryzas, Kotsakis, Liatsou, Dimoulas, Kalliris: Speech emotion recognition for performance
interaction, Journal of the Audio Engineering Society 66, 2018; file names by the README of the
database. In the folder ``anger``, the name ``a03 (4).wav`` contains the emotion (a), the utterance
(03) and the speaker (4); a letter at the end distinguishes takes.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("a", "anger", "anger"),
    Label("d", "disgust", "disgust"),
    Label("f", "fear", "fear"),
    Label("h", "happiness", "happiness"),
    Label("s", "sadness", "sadness"),
)
IMPROVISED = "20"
"""The number of the utterances that each actor improvised for each emotion."""

GRAMMAR = Grammar(
    corpus="AESDD",
    # Windows gives such names to copies, so the folder has to agree.
    shape="folder of the emotion, emotion, utterance, speaker, as in anger/a03 (4)",
    pattern=re.compile(
        r"(?P<folder>[a-z])[^/]*/(?P<emotion>(?P=folder))(?P<utterance>\d\d) ?"
        r"\((?P<speaker>\d+)\)[ .]*[a-z]?"
    ),
    allowed={"emotion": [label.code for label in LABELS]},
)
FOLDERS = frozenset(label.name for label in LABELS)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    folder = file.parent.name.casefold()
    parts = GRAMMAR.match(f"{folder}/{file.stem}" if folder in FOLDERS else file.stem)
    return Utterance(
        name=file.name,
        file=file,
        code=parts["emotion"],
        speaker=parts["speaker"],
        gender="",
        text="" if parts["utterance"] == IMPROVISED else parts["utterance"],
    )


AESDD = Corpus(name="aesdd", labels=LABELS, parse=parse)
