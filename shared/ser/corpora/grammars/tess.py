"""TESS, the Toronto emotional speech set.

Pichora-Fuller, Dupuis: Toronto emotional speech set, Borealis 2020. A file name such as
``OAF_lid_fear.wav`` contains the speaker (OAF), the word (lid) and the emotion (fear).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("angry", "angry", "anger"),
    Label("disgust", "disgust", "disgust"),
    Label("fear", "fear", "fear"),
    Label("happy", "happy", "happiness"),
    Label("neutral", "neutral", "neutral"),
    Label("ps", "pleasant surprise", "surprise"),
    Label("sad", "sad", "sadness"),
)

GRAMMAR = Grammar(
    corpus="TESS",
    shape="speaker, word, emotion, as in OAF_lid_fear",
    pattern=re.compile(r"(?P<speaker>[A-Z]+)_(?P<word>[a-z]+)_(?P<emotion>[a-z]+)"),
    allowed={"speaker": ("OAF", "YAF"), "emotion": [label.code for label in LABELS]},
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    # The corpus contains OA_bite_neutral.wav of the speaker OAF.
    stem = f"OAF{file.stem[2:]}" if file.stem.startswith("OA_") else file.stem
    parts = GRAMMAR.match(stem)
    return Utterance(
        name=f"{stem}{file.suffix}",
        file=file,
        code=parts["emotion"],
        speaker=parts["speaker"],
        gender="female",
        text=parts["word"],
    )


TESS = Corpus(name="tess", labels=LABELS, parse=parse)
