"""RAVDESS, the Ryerson audio-visual database of emotional speech and song.

Livingstone, Russo: The Ryerson audio-visual database of emotional speech and song, PLoS ONE 13,
2018. A file name such as ``03-01-05-01-02-01-18.wav`` contains modality, vocal channel, emotion,
intensity, statement, repetition and actor.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, Utterance
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("01", "neutral", "neutral"),
    Label("02", "calm", "calm"),
    Label("03", "happy", "happiness"),
    Label("04", "sad", "sadness"),
    Label("05", "angry", "anger"),
    Label("06", "fearful", "fear"),
    Label("07", "disgust", "disgust"),
    Label("08", "surprised", "surprise"),
)

GRAMMAR = Grammar(
    corpus="RAVDESS",
    shape=(
        "modality, vocal channel, emotion, intensity, statement, repetition, actor, "
        "as in 03-01-05-01-02-01-18"
    ),
    pattern=re.compile(
        r"(?P<modality>\d\d)-(?P<channel>\d\d)-(?P<emotion>\d\d)-(?P<intensity>\d\d)"
        r"-(?P<statement>\d\d)-(?P<repetition>\d\d)-(?P<actor>\d\d)"
    ),
    allowed={
        "modality": ("01", "03"),
        "channel": ("01", "02"),
        "emotion": [label.code for label in LABELS],
        "intensity": ("01", "02"),
        "statement": ("01", "02"),
        "repetition": ("01", "02"),
        "actor": [f"{actor:02}" for actor in range(1, 25)],
    },
)


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit."""
    parts = GRAMMAR.match(file.stem)
    if parts["channel"] == "02":
        raise ValueError("it is sung (vocal channel 02); allowed: speech (vocal channel 01)")
    return Utterance(
        # A recording with video (01) and one without (03) have the same sound, so share a name.
        name=f"03{file.name[2:]}",
        file=file,
        code=parts["emotion"],
        speaker=parts["actor"],
        gender="male" if int(parts["actor"]) % 2 else "female",
        text=parts["statement"],
    )


RAVDESS = Corpus(name="ravdess", labels=LABELS, parse=parse)
