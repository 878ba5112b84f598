"""CaFE, the Canadian French emotional speech dataset.

Gournay, Lahaie, Lefebvre: A Canadian French emotional speech dataset, ACM Multimedia Systems
Conference 2018 (zenodo.org/record/1478765). A file name such as ``01-C-1-6.wav`` contains the actor
(01), the emotion (C), its intensity (1: low, 2: high) and the sentence (6).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("C", "Colère", "anger"),
    Label("D", "Dégoût", "disgust"),
    Label("J", "Joie", "happiness"),
    Label("N", "Neutre", "neutral"),
    Label("P", "Peur", "fear"),
    Label("S", "Surprise", "surprise"),
    Label("T", "Tristesse", "sadness"),
)

GRAMMAR = Grammar(
    corpus="CaFE",
    shape="actor, emotion, intensity, sentence, as in 01-C-1-6",
    pattern=re.compile(r"(?P<actor>\d\d)-(?P<emotion>[A-Z])-(?P<intensity>\d)-(?P<sentence>\d)"),
    allowed={
        "actor": [f"{actor:02}" for actor in range(1, 13)],
        "emotion": [label.code for label in LABELS],
        "intensity": ("1", "2"),
        "sentence": ("1", "2", "3", "4", "5", "6"),
    },
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    parts = GRAMMAR.match(file.stem)
    return Utterance(
        name=file.name,
        file=file,
        code=parts["emotion"],
        speaker=parts["actor"],
        gender="male" if int(parts["actor"]) % 2 else "female",
        text=parts["sentence"],
    )


CAFE = Corpus(name="cafe", labels=LABELS, parse=parse)
