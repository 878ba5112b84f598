"""`make evaluate` and `make recipe`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import made
from ser.classifiers import MODEL_TYPES
from stacks import ROOT


def make(rule: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "-s", rule],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(bounds: Path) -> Path:
    """A corpus as a folder of files."""
    for name in made.names(versions="abc"):
        sound = bounds / "corpus" / "wav" / name
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(made.sound(made.signal(name)))
    return bounds / "corpus"


def test_recipe_prints_its_name_and_nothing_else() -> None:
    done = make("recipe")
    assert done.stdout.strip() in MODEL_TYPES
    assert done.stdout.count("\n") == 1


def test_a_folder_is_evaluated(folder: Path, bounds: Path) -> None:
    done = make("evaluate", CORPUS=str(folder), SER_MODEL_SAVE_PATH=str(bounds / "model"))
    assert done.returncode == 0, done.stderr
    for part in ("UAR", "macro-F1", "calibration", "enrolled", "telephone band", "female"):
        assert part in done.stdout
    (report,) = (bounds / "model").glob("*/report.html")
    assert str(report) in done.stdout.replace("\n", "")


def test_a_request_is_evaluated_as_it_is(bounds: Path) -> None:
    # Labels that would mean something to a terminal.
    files = {
        f"speaker{speaker}/[{label}]/{n}.wav": made.sound(made.signal(f"03a01{code}{n}.wav"))
        for speaker in (1, 2, 3)
        for label, code in (("anger", "W"), ("/sad", "T"))
        for n in "abc"
    }
    request = bounds / "request.json"
    request.write_text(
        '{"model_type": "RandomForestClassifier", "model_config": {"n_estimators": 5}, '
        '"corpus": {"label": "folder", "speaker_pattern": "(speaker[0-9])"}}'
    )
    done = make(
        "evaluate",
        CORPUS=str(made.archive(bounds / "corpus.zip", files)),
        REQUEST=str(request),
        SER_MODEL_SAVE_PATH=str(bounds / "model"),
    )
    assert done.returncode == 0, done.stderr
    assert "RandomForestClassifier, each speaker left out" in done.stdout
    assert "[anger]" in done.stdout


def test_further_fields_and_another_type(folder: Path, bounds: Path) -> None:
    request = bounds / "request.json"
    request.write_text('{"model_config": {"n_estimators": 5}, "random_state": 7}')
    done = make(
        "evaluate",
        CORPUS=str(folder),
        MODEL_TYPE="RandomForestClassifier",
        REQUEST=str(request),
        SER_MODEL_SAVE_PATH=str(bounds / "model"),
    )
    assert done.returncode == 0, done.stderr
    (manifest,) = (bounds / "model").glob("*/manifest.json")
    assert '"n_estimators":5' in manifest.read_text().replace(" ", "")


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"CORPUS": ""}, "CORPUS=<zip or folder>"),
        ({"CORPUS": "nowhere"}, "nowhere does not exist"),
        ({"CORPUS": str(ROOT / "requests"), "REQUEST": "nowhere"}, "nowhere is no file"),
        ({"CORPUS": str(ROOT / "requests"), "REQUEST": str(ROOT / "README.md")}, "not JSON"),
        ({"CORPUS": str(ROOT / "requests"), "MODEL_TYPE": "Oracle"}, "'KerasClassifier'"),
        ({"CORPUS": str(ROOT / "requests")}, "no sounds"),
    ],
)
def test_what_cannot_be_evaluated_is_said(variables: dict[str, str], says: str) -> None:
    done = make("evaluate", **variables)
    assert done.returncode != 0
    assert says in done.stderr
    assert "Traceback" not in done.stderr
