"""MESD, the Mexican emotional speech database.

Duville, Alonso-Valerdi, Ibarra-Zarate: Mexican emotional speech database based on semantic,
frequency, familiarity, concreteness, and cultural shaping of affective prosody, Data 6, 2021
(data.mendeley.com/datasets/cy34mh68j9). A file name such as ``Anger_F_A_abajo.wav`` contains the
emotion (Anger), the kind of voice (F: female, M: male, C: child), the list of words (A) and the
word (abajo). Names do not contain the speaker.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from unicodedata import normalize

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("Anger", "Anger", "anger"),
    Label("Disgust", "Disgust", "disgust"),
    Label("Fear", "Fear", "fear"),
    Label("Happiness", "Happiness", "happiness"),
    Label("Neutral", "Neutral", "neutral"),
    Label("Sadness", "Sadness", "sadness"),
)
GENDERS = {"F": "female", "M": "male", "C": ""}

GRAMMAR = Grammar(
    corpus="MESD",
    shape="emotion, voice, list, word, as in Anger_F_A_abajo",
    pattern=re.compile(r"(?P<emotion>[A-Za-z]+)_(?P<voice>[A-Z])_(?P<list>[A-Z])_(?P<word>.+)"),
    allowed={
        "emotion": [label.code for label in LABELS],
        "voice": GENDERS,
        "list": ("A", "B"),
    },
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    parts = GRAMMAR.match(file.stem)
    return Utterance(
        name=file.name,
        file=file,
        code=parts["emotion"],
        speaker="",
        gender=GENDERS[parts["voice"]],
        # Each emotion has words of its own in list B, which would reveal it.
        text=normalize("NFC", parts["word"]) if parts["list"] == "A" else "",
    )


MESD = Corpus(name="mesd", labels=LABELS, parse=parse)
