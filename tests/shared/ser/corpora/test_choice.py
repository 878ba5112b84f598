"""The field ``corpus`` of a request."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from ser.corpora import CORPORA, CorpusChoice
from ser.corpora._choice import FolderCorpus, NamedCorpus, TableCorpus
from ser.errors import Fault, InvalidInput

SOUNDS = [PurePosixPath("sad/1.wav")]


@pytest.mark.parametrize(
    ("value", "choice"),
    [
        ("auto", NamedCorpus(name="auto")),
        ("crema-d", NamedCorpus(name="crema-d")),
        ({"label": "folder"}, FolderCorpus(label="folder")),
        (
            {"label": "folder", "speaker_pattern": "(a+)"},
            FolderCorpus(label="folder", speaker_pattern="(a+)"),
        ),
        ({"label": "folder", "speaker_pattern": None}, FolderCorpus(label="folder")),
        (
            {"label": "folder", "label_pattern": "(b+)", "speaker_pattern": "(a+)"},
            FolderCorpus(label="folder", label_pattern="(b+)", speaker_pattern="(a+)"),
        ),
        ({"table": "labels.csv"}, TableCorpus(table="labels.csv")),
    ],
)
def test_a_choice_is_a_name_an_object_or_json_in_a_string(
    value: object, choice: CorpusChoice
) -> None:
    assert CorpusChoice.parse(value) == choice
    if isinstance(value, dict):
        assert CorpusChoice.parse(json.dumps(value)) == choice


def test_auto_tries_every_corpus_and_a_name_only_its_own() -> None:
    assert [*CorpusChoice.parse("auto").corpora(Path(), SOUNDS)] == [*CORPORA]
    (tess,) = CorpusChoice.parse("tess").corpora(Path(), SOUNDS)
    assert tess.name == "tess"


def test_a_corpus_declared_synthetic_is_called_synthetic(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("SYNTHETIC SPEECH - NOT EmoDB")
    (corpus,) = CorpusChoice.parse("emodb").corpora(tmp_path, SOUNDS)
    assert corpus.name == "synthetic emodb"
    (tmp_path / "README.txt").write_text("Recorded in Berlin")
    (corpus,) = CorpusChoice.parse("emodb").corpora(tmp_path, SOUNDS)
    assert corpus.name == "emodb"


@pytest.mark.parametrize("value", ["librispeech", "", 5, None, [], {}, {"speaker_pattern": "(a)"}])
def test_an_invalid_choice_is_refused_with_all_allowed_ones(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        CorpusChoice.parse(value)
    for word in ("auto", "emodb", "emovo", '"label": "folder"', "speaker_pattern", '"table"'):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("value", "field", "message"),
    [
        ({"label": "file"}, "label", "'folder'"),
        ({"label": "folder", "speakers": 3}, "speakers", "unknown field"),
        ({"label": "folder", "table": "x.csv"}, "table", "unknown field"),
        ({"table": ""}, "table", "not empty"),
        (
            {"label": "folder", "speaker_pattern": "(a"},
            "speaker_pattern",
            "not a regular",
        ),
        ({"label": "folder", "speaker_pattern": "a"}, "speaker_pattern", "no group"),
        ({"label": "folder", "speaker_pattern": ""}, "speaker_pattern", "not empty"),
        ({"label": "folder", "label_pattern": "x"}, "label_pattern", "no group"),
        (
            {"label": "folder", "label_pattern": "(?<=spk)(a)"},
            "label_pattern",
            "invalid perl operator: (?<=; allowed",
        ),
        (
            {"label": "folder", "speaker_pattern": "(((a{9,999}){9,999}){9,999})"},
            "speaker_pattern",
            "not a regular",
        ),
        (
            {"label": "folder", "speaker_pattern": f"({'a' * 199})"},
            "speaker_pattern",
            "at most 200 characters",
        ),
    ],
)
def test_an_invalid_field_is_named(value: dict[str, object], field: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        CorpusChoice.parse(value)
    (fault,) = caught.value.faults
    assert isinstance(fault, Fault)
    assert fault.loc == (field,)
    assert message in fault.msg
