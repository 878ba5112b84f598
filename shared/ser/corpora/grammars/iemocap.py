"""IEMOCAP, the interactive emotional dyadic motion capture database, in English.

Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee, Narayanan: IEMOCAP, Language Resources and
Evaluation 42, 2008. A file such as
``Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav`` contains the session (01), the
actor who wears markers (F), the scene (impro01), the gender of the speaker (M) and a number. The
emotion is in ``Session1/dialog/EmoEvaluation/Ses01F_impro01.txt``, or in the table
``iemocap_full_dataset.csv`` of the copy on Kaggle.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from ser._labels import Label
from ser.corpora._base import Corpus, LabelTables, Utterance
from ser.corpora._csv_files import read_columns, require_size
from ser.corpora.grammars._grammar import Grammar

LABELS = (
    Label("ang", "anger", "anger"),
    Label("dis", "disgust", "disgust"),
    Label("exc", "excited", "excitement"),
    Label("fea", "fear", "fear"),
    Label("fru", "frustrated", "frustration"),
    Label("hap", "happiness", "happiness"),
    Label("neu", "neutral", "neutral"),
    Label("sad", "sadness", "sadness"),
    Label("sur", "surprise", "surprise"),
)
UNUSED = {
    "oth": "its listeners heard an emotion that is not in their list (oth)",
    "xxx": "its listeners disagreed on the emotion (xxx)",
}
"""Reasons for not using utterances, by their label."""
GENDERS = {"F": "female", "M": "male"}
LINE = re.compile(r"\[[^\]]*\]\t(?P<name>\w+)\t(?P<label>[a-z]{3})\t")
"""A line of a file in ``EmoEvaluation`` with the label of an utterance."""
TABLE = "iemocap_full_dataset.csv"

GRAMMAR = Grammar(
    corpus="IEMOCAP",
    shape="session, scene, speaker, number, as in Ses01F_impro01_M003",
    pattern=re.compile(
        r"Ses(?P<session>\d\d)[FM]_(?:impro|script)\d\d[a-z]?(?:_\d[a-z]?)?"
        r"_(?P<gender>[FM])(?:\d{3}|XX\d)"
    ),
    allowed={"session": ("01", "02", "03", "04", "05")},
)


def parse(file: PurePosixPath, codes: Mapping[str, str]) -> Utterance:
    """Return the utterance in ``file``; raise ``ValueError`` if its name does not fit.

    ``codes`` has the label of each utterance by its name.
    """
    match = GRAMMAR.match(file.stem)
    code = codes.get(file.stem)
    if code is None:
        raise ValueError(f"neither EmoEvaluation nor {TABLE} has a label for it")
    if code in UNUSED:
        raise ValueError(UNUSED[code])
    if code not in {label.code for label in LABELS}:
        raise ValueError(f"IEMOCAP has no emotion {code!r}")
    return Utterance(
        name=file.name,
        file=file,
        code=code,
        speaker=f"{match['session']}{match['gender']}",
        gender=GENDERS[match["gender"]],
        text="",  # Most sentences are improvised.
    )


def read_tables(
    folder: Path, documents: Collection[PurePosixPath], sounds: Collection[PurePosixPath]
) -> LabelTables | None:
    """Return the rule of the corpus in ``folder``, which has labels among its ``documents``."""
    del sounds
    evaluations = [
        path
        for path in documents
        if path.suffix.casefold() == ".txt" and path.parent.name == "EmoEvaluation"
    ]
    tables = [path for path in documents if path.name.casefold() == TABLE]
    if not evaluations and not tables:
        return None
    codes = {
        **{name: code for table in tables for name, code in read_table(folder / table)},
        **{name: code for path in evaluations for name, code in read_evaluation(folder / path)},
    }
    return LabelTables(partial(parse, codes=codes), frozenset({*evaluations, *tables}))


def read_evaluation(file: Path) -> Iterator[tuple[str, str]]:
    """Yield name and label of each utterance in a file of ``EmoEvaluation``."""
    require_size(file, file.name)
    for line in file.read_text(encoding="latin-1").splitlines():
        if match := LINE.match(line):
            yield match["name"], match["label"]


def read_table(file: Path) -> Iterator[tuple[str, str]]:
    """Yield name and label of each utterance in the table of the copy on Kaggle."""
    for row in read_columns(file, ("path", "emotion")):
        yield PurePosixPath(row["path"].replace("\\", "/")).stem, row["emotion"].strip()


IEMOCAP = Corpus(
    name="iemocap", labels=LABELS, parse=partial(parse, codes={}), read_tables=read_tables
)
