"""SUBESCO, the SUST Bangla emotional speech corpus.

Sultana, Rahman, Selim, Iqbal: SUST Bangla emotional speech corpus (SUBESCO), an audio-only
emotional speech corpus for Bangla, PLoS ONE 16, 2021. A file name such as
``F_01_OISHI_S_10_ANGRY_1.wav`` contains gender, number and name of the speaker, the sentence (10),
the emotion (ANGRY) and the take (1).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("ANGRY", "ANGRY", "anger"),
    Label("DISGUST", "DISGUST", "disgust"),
    Label("FEAR", "FEAR", "fear"),
    Label("HAPPY", "HAPPY", "happiness"),
    Label("NEUTRAL", "NEUTRAL", "neutral"),
    Label("SAD", "SAD", "sadness"),
    Label("SURPRISE", "SURPRISE", "surprise"),
)
GENDERS = {"F": "female", "M": "male"}

GRAMMAR = Grammar(
    corpus="SUBESCO",
    shape="gender, speaker, name, S, sentence, emotion, take, as in F_01_OISHI_S_10_ANGRY_1",
    pattern=re.compile(
        r"(?P<speaker>(?P<gender>[A-Z])_\d\d)_[A-Z]+_S_(?P<sentence>\d+)_(?P<emotion>[A-Z]+)_\d"
    ),
    allowed={
        "gender": GENDERS,
        "sentence": [str(sentence) for sentence in range(1, 11)],
        "emotion": [label.code for label in LABELS],
    },
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    # The corpus contains F_02_MONIKA_S_2_SURPRISE_3].wav.
    stem = file.stem.removesuffix("]")
    parts = GRAMMAR.match(stem)
    return Utterance(
        name=f"{stem}{file.suffix}",
        file=file,
        code=parts["emotion"],
        speaker=parts["speaker"],
        gender=GENDERS[parts["gender"]],
        text=parts["sentence"],
    )


SUBESCO = Corpus(name="subesco", labels=LABELS, parse=parse)
