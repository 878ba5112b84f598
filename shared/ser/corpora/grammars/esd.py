"""ESD, the emotional speech database, in Mandarin and English.

Zhou, Sisman, Liu, Li: Emotional voice conversion, theory, databases and ESD, Speech Communication
137, 2022; genders by the README of the database. A file such as
``0011/Angry/train/0011_000351.wav``, or without the folder ``train``, contains the speaker (0011)
and a number (000351); the emotion is the name of the folder.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import SPLITS, Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("Angry", "Angry", "anger"),
    Label("Happy", "Happy", "happiness"),
    Label("Neutral", "Neutral", "neutral"),
    Label("Sad", "Sad", "sadness"),
    Label("Surprise", "Surprise", "surprise"),
)
MALE = frozenset({4, 5, 6, 8, 10, 11, 12, 13, 14, 20})
"""Speakers who are male, of the speakers 1 to 20."""
MANDARIN = range(1, 11)
"""Speakers of Mandarin; the others speak English."""
SENTENCES = 350
"""Number of sentences. Each speaker says them all in one emotion after the other."""

GRAMMAR = Grammar(
    corpus="ESD",
    shape="folder of the emotion, speaker, number, as in Angry/train/0011_000351",
    pattern=re.compile(r"(?P<emotion>[^/]+)/(?P<speaker>\d{4})_(?P<number>\d{6})"),
    allowed={
        "speaker": [f"{speaker:04}" for speaker in range(1, 21)],
        "emotion": [label.code for label in LABELS],
    },
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its path does not fit."""
    folders = (part for part in reversed(file.parent.parts) if part.casefold() not in SPLITS)
    parts = GRAMMAR.match(f"{next(folders, '')}/{file.stem}".lstrip("/"))
    speaker = int(parts["speaker"])
    language = "zh" if speaker in MANDARIN else "en"
    return Utterance(
        name=file.name,
        file=file,
        code=parts["emotion"],
        speaker=parts["speaker"],
        gender="male" if speaker in MALE else "female",
        text=f"{language}{(int(parts['number']) - 1) % SENTENCES + 1:03}",
    )


ESD = Corpus(name="esd", labels=LABELS, parse=parse)
