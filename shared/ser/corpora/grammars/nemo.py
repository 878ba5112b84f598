"""nEMO, emotional speech in Polish.

Christop: nEMO, dataset of emotional speech in Polish, LREC-COLING 2024
(huggingface.co/datasets/amu-cai/nEMO); genders by its table. A file name such as
``EB0_anger_10.wav`` contains the speaker (EB0), the emotion (anger) and the sentence (10).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("anger", "anger", "anger"),
    Label("fear", "fear", "fear"),
    Label("happiness", "happiness", "happiness"),
    Label("neutral", "neutral", "neutral"),
    Label("sadness", "sadness", "sadness"),
    Label("surprised", "surprised", "surprise"),
)
GENDERS = dict.fromkeys(("EB0", "IC0", "KD0", "MK0"), "female") | dict.fromkeys(
    ("KS0", "MP0", "SM0", "TP0", "WR0"), "male"
)

GRAMMAR = Grammar(
    corpus="nEMO",
    shape="speaker, emotion, sentence, as in EB0_anger_10",
    pattern=re.compile(r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_(?P<sentence>\d{1,2})"),
    allowed={"speaker": GENDERS, "emotion": [label.code for label in LABELS]},
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
        text=parts["sentence"],
    )


NEMO = Corpus(name="nemo", labels=LABELS, parse=parse)
