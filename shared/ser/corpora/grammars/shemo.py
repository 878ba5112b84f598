"""ShEMO, the Sharif emotional speech database, in Persian.

Mohamad Nezami, Jamshid Lou, Karami: ShEMO, a large-scale validated database for Persian speech
emotion detection, Language Resources and Evaluation 53, 2019. A file name such as ``F03S02.wav``
contains the speaker (F03, where F is the gender), the emotion (S) and a number (02).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("A", "anger", "anger"),
    Label("F", "fear", "fear"),
    Label("H", "happiness", "happiness"),
    Label("N", "neutral", "neutral"),
    Label("S", "sadness", "sadness"),
    Label("W", "surprise", "surprise"),
)
GENDERS = {"F": "female", "M": "male"}

GRAMMAR = Grammar(
    corpus="ShEMO",
    shape="speaker, emotion, number, as in F03S02",
    pattern=re.compile(r"(?P<speaker>[A-Z]\d\d)(?P<emotion>[A-Z])\d{2,3}"),
    allowed={
        "speaker": [
            *(f"F{speaker:02}" for speaker in range(1, 32)),
            *(f"M{speaker:02}" for speaker in range(1, 57)),
        ],
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
        text="",  # From radio plays: no two utterances have the same text.
    )


SHEMO = Corpus(name="shemo", labels=LABELS, parse=parse)
