"""MELD, the multimodal emotion lines dataset: scenes of a television series, in English.

Poria, Hazarika, Majumder, Naik, Cambria, Mihalcea: MELD, a multimodal multi-party dataset for
emotion recognition in conversations, ACL 2019 (github.com/declare-lab/MELD). A file such as
``train_splits/dia0_utt1.mp4`` contains utterance 1 of dialogue 0 of the training part, whose table
``train_sent_emo.csv`` has the emotion and the speaker. The parts number their dialogues separately.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, LabelTables, Utterance
from ser.corpora._csv_files import read_columns
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("anger", "anger", "anger"),
    Label("disgust", "disgust", "disgust"),
    Label("fear", "fear", "fear"),
    Label("joy", "joy", "happiness"),
    Label("neutral", "neutral", "neutral"),
    Label("sadness", "sadness", "sadness"),
    Label("surprise", "surprise", "surprise"),
)
GENDERS = dict.fromkeys(("Monica", "Phoebe", "Rachel"), "female") | dict.fromkeys(
    ("Chandler", "Joey", "Ross"), "male"
)
"""Genders of the main speakers."""
PARTS = {"train": "train", "dev": "dev", "val": "dev", "test": "test"}
"""The parts of the corpus, by words that occur in the names of their folders."""
TABLE = re.compile(r"(?P<part>train|dev|test)_sent_emo.*\.csv", re.IGNORECASE)

GRAMMAR = Grammar(
    corpus="MELD",
    shape="dialogue, utterance, as in train_splits/dia0_utt1",
    pattern=re.compile(
        r"(?:(?P<part>train|dev|test)_)?(?P<corrected>final_videos_test)?"
        r"(?P<key>dia(?P<dialogue>\d+)_utt(?P<utterance>\d+))"
    ),
    allowed={},
)

Row = Mapping[str, str]


def parse(
    file: PurePosixPath, rows: Mapping[str, Row], corrected: Collection[str] = ()
) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit.

    ``rows`` has the rows of the tables, and ``corrected`` the utterances of the test part that
    exist as ``final_videos_test...`` too, which the authors added since their first cuts were
    wrong; both by name of the utterance, such as ``train_dia0_utt1``.
    """
    match = GRAMMAR.match(file.stem)
    part = match["part"] or ("test" if match["corrected"] else find_part(file))
    name = f"{part}_{match['key']}"
    if part is None:
        raise ValueError("none of its folders is named after a part of MELD: train, dev, test")
    if name in corrected and not match["corrected"]:
        raise ValueError(f"final_videos_test{match['key']} replaces it")
    if name not in rows:
        raise ValueError(f"no table {part}_sent_emo.csv has a row for it")
    row = rows[name]
    if (code := row["Emotion"].strip().casefold()) not in {label.code for label in LABELS}:
        raise ValueError(f"MELD has no emotion {row['Emotion']!r}")
    speaker = row["Speaker"].strip()
    return Utterance(
        name=f"{name}{file.suffix}",
        file=file,
        code=code,
        speaker=speaker,
        gender=GENDERS.get(speaker, ""),
        text="",  # Almost every utterance has a text of its own.
    )


def find_part(file: PurePosixPath) -> str | None:
    """Return the part of the corpus that the nearest folder of ``file`` names, if any does."""
    for folder in reversed(file.parent.parts):
        for word, part in PARTS.items():
            if word in folder.casefold():
                return part
    return None


def read_tables(
    folder: Path, documents: Collection[PurePosixPath], sounds: Collection[PurePosixPath]
) -> LabelTables | None:
    """Return the rule of the corpus in ``folder``, which has tables among its ``documents``."""
    tables = {path: match["part"] for path in documents if (match := TABLE.fullmatch(path.name))}
    if not tables:
        return None
    rows = {
        f"{part.casefold()}_dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}": row
        for path, part in tables.items()
        for row in read_rows(folder / path)
    }
    corrected = {
        f"test_{match['key']}"
        for sound in sounds
        if (match := GRAMMAR.pattern.fullmatch(sound.stem)) and match["corrected"]
    }
    return LabelTables(partial(parse, rows=rows, corrected=corrected), frozenset(tables))


def read_rows(table: Path) -> list[Row]:
    """Return the complete rows of ``table``."""
    # Some texts are in Windows-1252; they are not used.
    return [*read_columns(table, ("Dialogue_ID", "Utterance_ID", "Emotion", "Speaker"))]


MELD = Corpus(name="meld", labels=LABELS, parse=partial(parse, rows={}), read_tables=read_tables)
