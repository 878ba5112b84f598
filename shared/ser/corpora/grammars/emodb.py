"""EmoDB, the Berlin database of emotional speech.

Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss: A database of German emotional speech,
Interspeech 2005. A file name such as ``03a01Fa.wav`` contains the speaker (03), the text (a01), the
emotion (F) and the version (a).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

OFFICIAL_ARCHIVE = "http://emodb.bilderbar.info/download/download.zip"

LABELS = (
    Label("A", "Angst", "fear"),
    Label("E", "Ekel", "disgust"),
    Label("F", "Freude", "happiness"),
    Label("L", "Langeweile", "boredom"),
    Label("N", "Neutral", "neutral"),
    Label("T", "Trauer", "sadness"),
    Label("W", "Ärger (Wut)", "anger"),
)
GENDERS = dict.fromkeys(("03", "10", "11", "12", "15"), "male") | dict.fromkeys(
    ("08", "09", "13", "14", "16"), "female"
)

GRAMMAR = Grammar(
    corpus="EmoDB",
    shape="speaker, text, emotion, version, as in 03a01Fa",
    pattern=re.compile(r"(?P<speaker>\d\d)(?P<text>[a-z]\d\d)(?P<emotion>[A-Z])[a-z]"),
    allowed={
        "speaker": GENDERS,
        "text": ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10"),
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
        gender=GENDERS[parts["speaker"]],
        text=parts["text"],
    )


EMODB = Corpus(name="emodb", labels=LABELS, parse=parse)
