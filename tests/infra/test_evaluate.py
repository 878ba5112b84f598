"""`make evaluate` and `make recipe`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import made
import makes
import words
from ser.command._evaluate import evaluation_fields
from ser.registry import new_model_id, open_registry
from ser.training import PRESETS
from stacks import ROOT


def make(rule: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``make <rule>``, by default with the preset whose weights no machine lacks."""
    chosen: dict[str, Any] = {"PRESET": "light", **variables}
    return makes.make("-s", rule, **chosen)


@pytest.fixture
def folder(bounds: Path) -> Iterator[Path]:
    """A corpus as a folder of files, whose reports are removed afterwards."""
    corpus = bounds / f"corpus-{os.getpid()}"
    for name in made.names(versions="abc"):
        sound = corpus / "wav" / name
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(made.sound(made.signal(name)))
    yield corpus
    for report in (ROOT / "evaluation").glob(f"corpus-{os.getpid()}*"):
        report.unlink()


def report_of(corpus: Path, model_type: str) -> Path:
    return ROOT / "evaluation" / f"{corpus.stem}-{model_type}.html"


def test_recipe_prints_the_fields_of_a_preset_as_a_request(bounds: Path) -> None:
    assert json.loads(make("recipe", PRESET="").stdout) == {
        "preset": "accurate",
        **PRESETS["accurate"],
    }
    printed = make("recipe", PRESET="light").stdout
    assert json.loads(printed) == {"preset": "light", **PRESETS["light"]}
    (bounds / "request.json").write_text(printed)
    found, _ = evaluation_fields(bounds / "request.json", {})
    assert found == json.loads(printed)
    done = make("recipe", PRESET="best")
    assert done.returncode != 0
    assert "'best' is not one of 'accurate', 'light'" in done.stderr


def test_a_type_replaces_that_of_the_preset_and_keeps_its_features() -> None:
    options = {"model_type": "RandomForestClassifier", "random_state": 7}
    found, _ = evaluation_fields(None, options)
    features = PRESETS["accurate"]["dataset_feature_extract_methods"]
    assert found["dataset_feature_extract_methods"] == features
    assert (found["model_type"], found["random_state"]) == ("RandomForestClassifier", 7)
    assert not {"preset", "model_config"} & found.keys()
    found, _ = evaluation_fields(None, {"preset": "light"})
    assert found == {"preset": "light", **PRESETS["light"]}


def test_the_preset_of_an_evaluation_without_a_choice_is_accurate() -> None:
    found, notes = evaluation_fields(None, {})
    assert notes == []
    assert found == {"preset": "accurate", **PRESETS["accurate"]}


def test_an_evaluation_prints_all_figures_and_moves_no_alias(folder: Path, bounds: Path) -> None:
    registry = open_registry(bounds / "model")
    served = new_model_id()
    registry.publish(served, {"model.onnx": b""}, {})
    registry.move("latest", served)
    done = make("evaluate", CORPUS=str(folder), SER_MODEL_SAVE_PATH=str(bounds / "model"))
    assert done.returncode == 0, done.stderr
    for part in ("UAR", "macro-F1", "calibration", "Enrolled", "telephone band", "female"):
        assert part in done.stdout
    assert "anger (W)" in done.stdout
    report = report_of(folder, "DiscriminantClassifier")
    assert report.is_file()
    assert str(report) in done.stdout.replace("\n", "")
    assert [*registry.ids()] == [served]
    assert registry.aliases() == {"latest": served}


def test_two_types_are_compared_on_the_same_features_split_and_rows(
    folder: Path, bounds: Path
) -> None:
    request = bounds / "request.json"
    request.write_text('{"random_state": 7, "dataset_augmentation": {"Clipping": {"copies": 1}}}')
    both = [
        make("evaluate", CORPUS=str(folder), REQUEST=str(request), MODEL_TYPE=model_type)
        for model_type in ("DiscriminantClassifier", "RandomForestClassifier")
    ]
    assert [done.returncode for done in both] == [0, 0], both[-1].stderr
    line, other = (done.stdout.splitlines()[0] for done in both)
    assert line == other
    expected = (
        "Features: Functionals (1,415), copies: Clipping 1; split: each of 4 speakers left out "
        "once; rows: 84 utterances (168 with copies)"
    )
    assert line == expected


@pytest.mark.parametrize(("alias", "moved"), [("", set()), ("candidate", {"candidate"})])
def test_a_model_is_published_in_the_registry_of_save_and_moves_only_the_given_alias(
    folder: Path, bounds: Path, alias: str, moved: set[str]
) -> None:
    done = make("evaluate", CORPUS=str(folder), SAVE=str(bounds / "saved"), ALIAS=alias)
    assert done.returncode == 0, done.stderr
    registry = open_registry(bounds / "saved")
    (model_id,) = registry.ids()
    assert model_id in done.stdout
    assert set(registry.aliases()) == moved
    manifest = registry.model(model_id).manifest
    assert f"UAR {manifest['loso']['uar']:.3f}" in done.stdout


def test_a_request_sets_fields_and_its_places_are_ignored(folder: Path, bounds: Path) -> None:
    request = bounds / "request.json"
    request.write_text(
        '{"model_type": "RandomForestClassifier", "model_config": {"n_estimators": 5}, '
        '"dataset_feature_extract_methods": {"MFCC": {}}, "dataset_augmentation": {}, '
        '"remote_url": "elsewhere.zip", "data_path": "data", "model_save_path": "model"}'
    )
    done = make("evaluate", CORPUS=str(folder), REQUEST=str(request))
    assert done.returncode == 0, done.stderr
    note = f"data_path, remote_url, model_save_path of --request {request} are ignored"
    assert note in done.stdout
    assert "RandomForestClassifier, each of 4 speakers left out once" in done.stdout
    assert "660 recipes" not in done.stdout
    assert "Features: MFCC (" in done.stdout


def test_label_folders_and_their_speakers_are_recognised(bounds: Path) -> None:
    # Labels that a terminal library would take for markup.
    files = {
        f"speaker{speaker}/[{label}]/{n}.wav": made.sound(
            made.signal(f"{made.SPEAKERS[speaker]}a01{code}{n}.wav")
        )
        for speaker in (1, 2, 3)
        for label, code in (("anger", "W"), ("/sad", "T"))
        for n in "abc"
    }
    request = bounds / "request.json"
    request.write_text(
        '{"model_type": "RandomForestClassifier", "model_config": {"n_estimators": 5}, '
        '"corpus": {"label": "folder", "speaker_pattern": "(speaker[0-9])"}}'
    )
    corpus = made.archive(bounds / f"labelled-{os.getpid()}.zip", files)
    done = make("evaluate", CORPUS=str(corpus), REQUEST=str(request))
    report_of(corpus, "RandomForestClassifier").unlink()
    assert done.returncode == 0, done.stderr
    assert "RandomForestClassifier, each of 3 speakers left out" in done.stdout
    assert "[anger]" in done.stdout
    assert "660 recipes" not in done.stdout


def test_a_table_beside_its_sounds_is_evaluated(folder: Path) -> None:
    rows = [f"wav/{n},{n[5]},{n[:2]}" for n in made.names(versions="abc")]
    table = folder / "labels.csv"
    table.write_text("\n".join(["file,emotion,speaker", *rows]))
    done = make("evaluate", CORPUS=str(table), MODEL_TYPE="RandomForestClassifier")
    report_of(table, "RandomForestClassifier").unlink()
    assert done.returncode == 0, done.stderr
    assert "84 utterances" in done.stdout


def test_two_corpora_are_evaluated_on_their_common_emotions(bounds: Path) -> None:
    both = [
        made.corpus(bounds / f"{name}-{os.getpid()}.zip", made.names(speakers, codes))
        for name, speakers, codes in (("one", ("03", "08"), "WNT"), ("two", ("09", "10"), "WNL"))
    ]
    places = " ".join(f'"{place}"' for place in both)
    done = make("evaluate", CORPUS=places, LABELS="common", MODEL_TYPE="RandomForestClassifier")
    assert done.returncode == 0, done.stderr
    (report,) = (ROOT / "evaluation").glob(f"one-{os.getpid()}+two-*.html")
    report.unlink()
    assert "Each corpus: with each speaker left out once" in done.stdout
    assert "emodb-2" in done.stdout
    assert "16 utterances" in done.stdout
    assert "Trained on (rows), asked about (columns): UAR/ECE" in done.stdout
    assert "Emotions: anger, neutral" in done.stdout


@pytest.mark.parametrize(
    ("corpus", "places"),
    [
        ("one.zip", ["one.zip"]),
        ("one.zip other.zip", ["one.zip", "other.zip"]),
        ("one.zip,other.zip,", ["one.zip", "other.zip"]),
        ("two words.zip", ["two words.zip"]),
        ("one.zip, two words.zip", ["one.zip", "two words.zip"]),
        ("one.zip 'two words.zip'", ["one.zip", "two words.zip"]),
        ("a,comma.zip", ["a,comma.zip"]),
        ("'a,comma.zip' one.zip", ["a,comma.zip", "one.zip"]),
        ("s3://b/one.zip s3://b/two.zip", ["s3://b/one.zip", "s3://b/two.zip"]),
        ("s3://b/one.zip,one.zip", ["s3://b/one.zip", "one.zip"]),
        ("no where.zip", ["no", "where.zip"]),
    ],
)
def test_places_are_separated_by_spaces_or_commas_and_may_be_quoted(
    bounds: Path, corpus: str, places: list[str]
) -> None:
    for name in ("one", "other", "two words", "a,comma"):
        (bounds / f"{name}.zip").touch()
    assert words.places(corpus) == places


def test_a_path_with_characters_of_the_shell_is_one_corpus(bounds: Path) -> None:
    corpus = bounds / 'it\'s; "two" words, and (more) *'
    corpus.mkdir()
    done = make("evaluate", CORPUS=str(corpus), LABELS="anger 'no emotion'")
    assert done.returncode != 0
    assert f"ser: {corpus}: the corpus contains no sounds" in done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"CORPUS": ""}, "CORPUS=<zip, folder or CSV table>"),
        ({"CORPUS": "nowhere"}, "CORPUS=nowhere does not exist"),
        ({"CORPUS": str(ROOT / "requests"), "REQUEST": "nowhere"}, "'nowhere' does not exist"),
        (
            {"CORPUS": str(ROOT / "requests"), "REQUEST": str(ROOT / "README.md")},
            "is not a JSON object",
        ),
        (
            {"CORPUS": str(ROOT / "requests"), "REQUEST": str(ROOT / "requests/train.json")},
            f"ser: {ROOT / 'requests'}: ",
        ),
        ({"CORPUS": str(ROOT / "requests"), "MODEL_TYPE": "Oracle"}, "--model-type Oracle: "),
        (
            {"CORPUS": str(ROOT / "requests"), "PRESET": "best"},
            "Invalid value for '--preset': 'best' is not one of 'accurate', 'light'",
        ),
        ({"CORPUS": str(ROOT / "requests"), "ALIAS": "../a"}, "--alias ../a: "),
        ({"CORPUS": str(ROOT / "requests")}, "no sounds"),
    ],
)
def test_the_error_of_an_evaluation_names_the_value_that_the_user_set(
    variables: dict[str, Any], message: str
) -> None:
    done = make("evaluate", **variables)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "remote_url" not in done.stderr


def test_an_unknown_field_of_a_request_is_named(bounds: Path) -> None:
    request = bounds / "request.json"
    request.write_text('{"colour": "red"}')
    done = make("evaluate", CORPUS=str(bounds), REQUEST=str(request))
    assert done.returncode != 0
    assert f"--request {request}: colour: unknown field; allowed: preset," in done.stderr
