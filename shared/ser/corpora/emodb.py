"""EmoDB, the Berlin database of emotional speech.

Burkhardt, Paeschke, Rolfes, Sendlmeier, Weiss: A database of German emotional speech,
Interspeech 2005. A file name such as ``03a01Fa.wav`` holds the speaker (03), the text (a01), the
emotion (F) and the version (a).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ser.corpora.base import Corpus, Label, Utterance

OFFICIAL_ARCHIVE = "http://emodb.bilderbar.info/download/download.zip"

LABELS = (
    Label("A", "Angst", "fear"),
    Label("E", "Ekel", "disgust"),
    Label("F", "Freude", "happiness"),
    Label("L", "Langeweile", "boredom"),
    Label("N", "Neutral", "neutral"),
    Label("T", "Trauer", "sadness"),
    Label("W", "Ärger (Wut)", "anger"),
)
GENDERS = dict.fromkeys(("03", "10", "11", "12", "15"), "male") | dict.fromkeys(
    ("08", "09", "13", "14", "16"), "female"
)
TEXTS = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03", "b09", "b10")

NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[a-z]\d\d)(?P<code>[A-Z])(?P<version>[a-z])")


def parse(file: PurePosixPath) -> Utterance:
    """Return the utterance that ``file`` is; raise ``ValueError`` with the reason if it is none."""
    match = NAME.fullmatch(file.stem)
    if match is None:
        raise ValueError("the name is not speaker, text, emotion, version, as in 03a01Fa")
    speaker, text, code = match["speaker"], match["text"], match["code"]
    for what, value, known in (
        ("speaker", speaker, GENDERS),
        ("text", text, TEXTS),
        ("emotion", code, [label.code for label in LABELS]),
    ):
        if value not in known:
            raise ValueError(f"{value!r} is no {what} of EmoDB; allowed: {', '.join(known)}")
    return Utterance(
        name=file.name, file=file, code=code, speaker=speaker, gender=GENDERS[speaker], text=text
    )


EMODB = Corpus(name="emodb", labels=LABELS, parse=parse)
