"""EMOVO, an Italian emotional speech database.

Costantini, Iaderola, Paoloni, Todisco: EMOVO corpus, LREC 2014. A file name such as
``gio-f2-b2.wav`` contains the emotion (gio), the speaker (f2) and the sentence (b2).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("dis", "disgusto", "disgust"),
    Label("gio", "gioia", "happiness"),
    Label("neu", "neutro", "neutral"),
    Label("pau", "paura", "fear"),
    Label("rab", "rabbia", "anger"),
    Label("sor", "sorpresa", "surprise"),
    Label("tri", "tristezza", "sadness"),
)
GENDERS = {"f": "female", "m": "male"}

GRAMMAR = Grammar(
    corpus="EMOVO",
    shape="emotion, speaker, sentence, as in gio-f2-b2",
    pattern=re.compile(r"(?P<emotion>[a-z]{3})-(?P<speaker>[a-z]\d)-(?P<sentence>[a-z]\d)"),
    allowed={
        "speaker": ("f1", "f2", "f3", "m1", "m2", "m3"),
        "emotion": [label.code for label in LABELS],
    },
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    parts = GRAMMAR.match(file.stem)
    return Utterance(
        name=file.name,
        file=file,
        code=parts["emotion"],
        speaker=parts["speaker"],
        gender=GENDERS[parts["speaker"][0]],
        text=parts["sentence"],
    )


EMOVO = Corpus(name="emovo", labels=LABELS, parse=parse)
