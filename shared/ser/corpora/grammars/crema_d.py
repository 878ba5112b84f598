"""CREMA-D, the crowd-sourced emotional multimodal actors dataset.

Cao, Cooper, Keutmann, Gur, Nenkova, Verma: CREMA-D, IEEE Transactions on Affective Computing 5,
2014. A file name such as ``1001_DFA_ANG_XX.wav`` contains the actor (1001), the sentence (DFA), the
emotion (ANG) and its intensity (XX: unspecified).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("ANG", "anger", "anger"),
    Label("DIS", "disgust", "disgust"),
    Label("FEA", "fear", "fear"),
    Label("HAP", "happy", "happiness"),
    Label("NEU", "neutral", "neutral"),
    Label("SAD", "sad", "sadness"),
)
GENDERS = {
    str(actor): {"f": "female", "m": "male"}[letter]
    for actor, letter in enumerate(
        "mfffmfffffmffmmmmfmffmmffmmfffmmmmmmfmmmmmfmm"
        "ffmfmmfffffmfmffmfmmmmmmmmfffffmffmmfmfmmmmfmf",
        start=1001,
    )
}
"""Genders of the actors, from the corpus's table VideoDemographics."""
SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")

GRAMMAR = Grammar(
    corpus="CREMA-D",
    shape="actor, sentence, emotion, intensity, as in 1001_DFA_ANG_XX",
    pattern=re.compile(
        r"(?P<actor>\d{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<intensity>[A-Z]{2})"
    ),
    allowed={
        "actor": GENDERS,
        "sentence": SENTENCES,
        "emotion": [label.code for label in LABELS],
        "intensity": ("LO", "MD", "HI", "XX"),
    },
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    # The corpus contains 1040_ITH_SAD_X.wav, which its tables call 1040_ITH_SAD_XX.
    stem = f"{file.stem}X" if file.stem.endswith("_X") else file.stem
    parts = GRAMMAR.match(stem)
    return Utterance(
        name=f"{stem}{file.suffix}",
        file=file,
        code=parts["emotion"],
        speaker=parts["actor"],
        gender=GENDERS[parts["actor"]],
        text=parts["sentence"],
    )


CREMA_D = Corpus(name="crema-d", labels=LABELS, parse=parse)
