"""JL corpus, emotional speech in New Zealand English.

James, Tian, Watson: An open source emotional speech corpus for human robot interaction
applications, Interspeech 2018. A file name such as ``female1_angry_1a_1.wav`` contains the speaker
(female1), the emotion (angry), the sentence (1a) and the session (1).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("angry", "angry", "anger"),
    Label("anxious", "anxious", "anxiety"),
    Label("apologetic", "apologetic", "apology"),
    Label("assertive", "assertive", "assertiveness"),
    Label("concerned", "concerned", "concern"),
    Label("encouraging", "encouraging", "encouragement"),
    Label("excited", "excited", "excitement"),
    Label("happy", "happy", "happiness"),
    Label("neutral", "neutral", "neutral"),
    Label("sad", "sad", "sadness"),
)

GRAMMAR = Grammar(
    corpus="JL corpus",
    shape="speaker, emotion, sentence, session, as in female1_angry_1a_1",
    pattern=re.compile(
        r"(?P<speaker>(?P<gender>female|male)\d)_(?P<emotion>[a-z]+)_(?P<sentence>\d+[ab])_[12]"
    ),
    allowed={
        "speaker": ("female1", "female2", "male1", "male2"),
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
        gender=parts["gender"],
        text="",  # Half of the emotions have sentences of their own, which would reveal them.
    )


JL = Corpus(name="jl", labels=LABELS, parse=parse)
