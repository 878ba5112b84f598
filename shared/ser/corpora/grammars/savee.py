"""SAVEE, the Surrey audio-visual expressed emotion database.

Haq, Jackson: Multimodal emotion recognition, in Machine Audition, IGI Global 2010. A file such as
``DC/a01.wav`` or ``DC_a01.wav`` contains the speaker (DC), the emotion (a) and a number (01).
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
    Label("n", "neutral", "neutral"),
    Label("sa", "sadness", "sadness"),
    Label("su", "surprise", "surprise"),
)

GRAMMAR = Grammar(
    corpus="SAVEE",
    shape="speaker, emotion, number, as in DC/a01 or DC_a01",
    pattern=re.compile(r"(?P<speaker>[^_]*)_(?P<emotion>[a-z]+)\d\d"),
    allowed={
        "speaker": ("DC", "JE", "JK", "KL"),
        "emotion": [label.code for label in LABELS],
    },
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    name = file.name if "_" in file.name else f"{file.parent.name}_{file.name}"
    parts = GRAMMAR.match(PurePosixPath(name).stem)
    return Utterance(
        name=name,
        file=file,
        code=parts["emotion"],
        speaker=parts["speaker"],
        gender="male",
        text="",  # The number counts the sentences of one emotion, so it would reveal the emotion.
    )


SAVEE = Corpus(name="savee", labels=LABELS, parse=parse)
