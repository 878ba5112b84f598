"""The command in this process: its subcommands, formats, errors and helps."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import typer.main

import graphs
import made
import ser
from commands import Run
from ser.command._application import application
from ser.registry import open_registry

MODEL_ID = r"\d{8}T\d{6}Z-[0-9a-f]{8}"
SERVERS = ("ser serve", "--url", "s3://")
"""Parts of examples that need a server; tests/infra/test_command_serve.py runs such commands."""


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Yield the name and the command of each subcommand at every depth."""
    yield " ".join(path), group
    for name, each in getattr(group, "commands", {}).items():
        yield from commands(each, *path, name)


ALL = dict(commands(typer.main.get_command(application), "ser"))
EXAMPLES = {
    name: [line[2:] for line in (command.epilog or "").split("\n\n") if line.startswith("$ ")]
    for name, command in ALL.items()
}


def test_the_subcommands_are_these() -> None:
    models = ("list", "show", "promote", "rollback", "delete", "export", "import", "sweep")
    names = ("predict", "train", "evaluate", "compare", "features", "models", "keys", "recipe")
    assert {*ALL} == {
        "ser",
        *(f"ser {name}" for name in (*names, "serve", "doctor")),
        *(f"ser models {name}" for name in models),
        "ser keys new",
    }


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_help_has_an_example_of_its_command(run: Run, name: str) -> None:
    shown = run(*name.split()[1:], "--help")
    assert shown.status == 0
    for example in EXAMPLES[name]:
        assert f"$ {example}" in shown.output
    assert any(
        example.partition("| ")[2].startswith(name) or example.startswith(name)
        for example in EXAMPLES[name]
    )


RUNNABLE = [
    example
    for name in sorted(EXAMPLES, key=lambda each: ("delete" in each, "import" in each, each))
    for example in EXAMPLES[name]
    if not any(part in example for part in SERVERS)
]


def test_the_examples_run_one_after_the_other(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused = graphs.publish(folder / "model", graphs.model())
    for example in RUNNABLE:
        command, _, redirected = re.sub(MODEL_ID, unused, example).partition(" > ")
        before, _, piped = command.rpartition("| ")
        if before:
            sound = io.BytesIO((folder / before.split()[1]).read_bytes())
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(sound))
        result = run(*shlex.split(piped)[1:])
        assert result.status == 0, (example, result)
        if redirected:
            (folder / redirected).write_text(result.output)
    assert json.loads((folder / "request.json").read_text())["preset"] == "light"
    assert (folder / "report.html").is_file()
    assert [*open_registry(folder / "copy").ids()]


def test_a_sound_is_judged_as_by_the_library(run: Run, folder: Path) -> None:
    (row,) = json.loads(run("predict", "speech.wav", "--format", "json").output)
    model = ser.load_model("production", registry=folder / "model")
    expected = model.predict("speech.wav")
    assert expected.label is not None
    assert row == {
        "file": "speech.wav",
        "emotion": expected.emotion,
        "label": expected.label.code,
        "confidence": expected.confidence,
        "familiarity": expected.familiarity,
        "speech": True,
        "too_short": expected.too_short,
        "reason": None,
        "error": None,
        "model": open_registry(folder / "model").resolve("production"),
        "probabilities": dict(expected.probabilities),
    }


def test_folders_patterns_and_files_are_judged_in_their_order_and_once(
    run: Run, folder: Path
) -> None:
    (folder / "corpus" / "notes.txt").write_text("no sound")
    found = run("predict", "corpus/wav/09*Wb.wav", "corpus", "speech.wav", "--format", "csv")
    rows = [*csv.DictReader(io.StringIO(found.output))]
    files = [row["file"] for row in rows]
    below = sorted(str(each.relative_to(folder)) for each in (folder / "corpus").rglob("*.wav"))
    first = "corpus/wav/09a01Wb.wav"
    assert files == [first, *(each for each in below if each != first), "speech.wav"]
    shares = [float(v) for k, v in rows[0].items() if k.startswith("probabilities.")]
    assert sum(shares) == pytest.approx(1, abs=1e-5)


def test_sounds_that_cannot_be_judged_do_not_stop_the_others(run: Run, folder: Path) -> None:
    (folder / "noise.wav").write_bytes(b"no sound at all")
    result = run("predict", "missing.wav", "noise.wav", "speech.wav", "--format", "json")
    rows = json.loads(result.output)
    assert result.status == 1
    assert [row["file"] for row in rows] == ["missing.wav", "noise.wav", "speech.wav"]
    assert "no sound file 'missing.wav'" in rows[0]["error"]
    assert [row["error"] is None for row in rows] == [False, False, True]
    assert result.errors.count("ser: ") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict"], "no sound is named"),
        (["predict", "speech.wav", "--format", "xml"], "'xml' is not one of"),
        (["predict", "speech.wav", "--abstain-below", "2"], "0<=x<=1"),
        (["features", "speech.wav", "--output", "x.txt"], "allowed: .csv, .parquet"),
        (["keys", "new", "--name", "a b", "--scope", "predict"], "allowed: a name of letters"),
        (["keys", "new", "--name", "a", "--scope", "fly"], "allowed: a name of letters"),
        (["fly"], "No such command"),
        (["train", "corpus", "--preset", "best"], "'best' is not one of"),
    ],
    ids=lambda value: None if isinstance(value, list) else value,
)
def test_wrong_usage_has_the_status_two(
    run: Run, folder: Path, arguments: list[str], message: str
) -> None:
    result = run(*arguments)
    assert (result.status, result.output) == (2, "")
    assert message in re.sub(r"\s*│\s*", " ", result.errors)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict", "x*.wav"], "no file matches 'x*.wav'"),
        (["predict", "empty"], "the folder 'empty' contains no sounds"),
        (["predict", "speech.wav", "--model", "none"], "no model or alias 'none'"),
        (["models", "delete", "production"], "latest, production point at it"),
        (["models", "show", "none"], "its aliases: latest, production"),
        (["train", "missing.zip", "--preset", "light"], "missing.zip"),
        (["train", "corpus", "--labels", "rage", "--preset", "light"], "labels"),
        (["train", "corpus", "--model-type", "Oracle"], "--model-type Oracle: "),
        (["evaluate", "corpus", "--request", "speech.wav"], "is not a JSON object"),
        (["evaluate", "corpus", "empty", "--preset", "light"], "ser: empty: "),
        (["evaluate", "corpus", "--labels", "rage,joy", "--preset", "light"], "--labels rage,joy"),
        (["evaluate", "corpus", "--alias", "a b"], "--alias a b: 'a b' is not a valid alias"),
        (["evaluate", "corpus", "--save", "speech.wav"], "--save speech.wav: "),
        (["evaluate", "corpus", "--dask-scheduler", "x"], "--dask-scheduler x: "),
        (["features", "speech.wav", "missing.wav", "--output", "x.csv"], "missing.wav"),
        (["models", "import", "speech.wav"], "speech.wav"),
        (["models", "list", "--url", "ftp://x"], "allowed: http://host:port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_failure_has_the_status_one_and_a_message(
    run: Run, folder: Path, arguments: list[str], message: str
) -> None:
    (folder / "empty").mkdir()
    result = run(*arguments)
    assert (result.status, result.output) == (1, "")
    assert result.errors.startswith("ser: ")
    assert message in result.errors
    assert not (folder / "x.csv").exists()


def test_a_model_is_published_with_its_evaluation_and_only_the_given_alias_moves(
    run: Run, folder: Path
) -> None:
    registry = open_registry(folder / "model")
    before = registry.aliases()
    options = ("--preset", "light", "--alias", "candidate", "--report", "reports/")
    result = run("evaluate", "corpus", *options, "--format", "json")
    assert result.status == 0, result
    found = json.loads(result.output)
    assert found["report"] == "reports/corpus-DiscriminantClassifier.html"
    assert "What drives each emotion" in (folder / found["report"]).read_text()
    assert registry.aliases() == {**before, "candidate": found["model_id"]}
    assert registry.model(found["model_id"]).manifest["loso"]["uar"] == found["loso"]["uar"]


def test_another_type_is_evaluated_on_the_features_of_the_preset(run: Run, folder: Path) -> None:
    (folder / "request.json").write_text(
        '{"model_config": {"n_estimators": 5}, "alias": "ignored", "data_path": "elsewhere"}'
    )
    options = ("--preset", "light", "--model-type", "RandomForestClassifier")
    result = run("evaluate", "corpus", *options, "--request", "request.json", "--format", "json")
    assert result.status == 0, result
    assert result.errors == "Note: data_path, alias of --request request.json are ignored.\n"
    assert "model_id" not in json.loads(result.output)
    assert not (folder / "elsewhere").exists()
    table = run("evaluate", "corpus", *options, "--request", "request.json").output
    assert table.splitlines()[1].startswith("Features: Functionals (1,415), copies: ")


def test_without_a_registry_the_model_of_the_package_answers(run: Run, bounds: Path) -> None:
    (bounds / "speech.wav").write_bytes(made.sound(made.signal("03a01Wa.wav")))
    (row,) = json.loads(run("predict", "speech.wav", "--format", "json").output)
    assert row["model"] == "ready"
    assert json.loads(run("models", "list", "--registry", "new", "-f", "json").output) == []
    assert run("models", "list").errors.startswith("ser: there is no registry; allowed: --registry")


def test_the_environment_names_the_registry(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "model").rename(folder / "elsewhere")
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(folder / "elsewhere"))
    rows = json.loads(run("models", "list", "--format", "json").output)
    assert [row["aliases"] for row in rows] == [["latest", "production"], []]
    assert rows[0]["corpora"] == ["emodb"]


def test_promotion_and_rollback_leave_history(run: Run, folder: Path) -> None:
    registry = open_registry(folder / "model")
    newer, older = registry.ids()
    assert run("models", "rollback", "production").output == f"production -> {older}\n"
    # Without held-out utterances no model passes.
    refused = run("models", "promote", newer, "--promote-if", "0.05")
    assert (refused.status, "alias production was not moved: only 0" in refused.errors) == (1, True)
    assert run("models", "promote", newer).output == f"production -> {newer}\n"
    assert [move.model_id for move in registry.history("production")] == [
        *(older, newer, older, newer)
    ]


def test_sweep_shows_first_and_deletes_only_when_asked(run: Run, folder: Path) -> None:
    written = run("models", "export", "production", "--output", "swept.zip").output.strip()
    assert run("models", "import", written, "--registry", "swept").status == 0
    registry = open_registry(folder / "swept")
    (model_id,) = registry.ids()
    # A model stays for a while after it was published.
    file = folder / "swept" / model_id / "manifest.json"
    manifest = json.loads(file.read_text()) | {"created_at": "2026-01-01T00:00:00Z"}
    file.write_text(json.dumps(manifest))
    sweep = ("models", "sweep", "--keep", "0", "--registry", "swept")
    shown = run(*sweep)
    assert (shown.output, "--delete" in shown.errors) == (f"{model_id}\n", True)
    assert [*registry.ids()] == [model_id]
    assert run(*sweep, "--delete").output == f"{model_id}\n"
    assert [*registry.ids()] == []
    assert run(*sweep).errors == "There is nothing to delete.\n"


def test_a_model_that_is_exported_can_be_imported_and_judges_alike(run: Run, folder: Path) -> None:
    written = run("models", "export", "production", "--output", "kept.zip").output.strip()
    assert run("models", "import", written, "--registry", "other").status == 0
    model_id = open_registry(folder / "model").resolve("production")
    answers = [
        json.loads(run("predict", "speech.wav", "-m", model_id, "-r", place, "-f", "json").output)
        for place in ("model", "other")
    ]
    assert answers[0] == answers[1]


def test_features_of_a_folder_are_those_of_the_library(run: Run, folder: Path) -> None:
    for suffix in ("csv", "parquet"):
        assert run("features", "corpus/wav/03*.wav", "-o", f"x.{suffix}").status == 0
    files = sorted(str(each.relative_to(folder)) for each in (folder / "corpus").rglob("03*.wav"))
    expected = ser.features(files)
    table = pyarrow.parquet.read_table("x.parquet")
    assert table.column_names == ["file", *expected.names]
    assert table["file"].to_pylist() == files
    stacked = np.column_stack([table[name].to_numpy() for name in expected.names])
    np.testing.assert_array_equal(stacked, expected.array)
    header, *rows = csv.reader((folder / "x.csv").read_text().splitlines())
    assert header == table.column_names
    np.testing.assert_array_equal(np.array([row[1:] for row in rows], np.float32), expected.array)


def test_descriptors_have_the_time_of_each_frame(run: Run, folder: Path) -> None:
    result = run("features", "speech.wav", "-o", "frames.parquet", "--level", "descriptors")
    assert result.status == 0
    table = pyarrow.parquet.read_table("frames.parquet")
    expected = ser.features(["speech.wav"], level="descriptors")
    assert table.column_names[:2] == ["file", "seconds"]
    assert expected.times is not None
    assert table["seconds"].to_pylist() == expected.times.tolist()


def test_a_time_line_is_that_of_the_library(run: Run, folder: Path) -> None:
    model = ser.load_model("production", registry="model")
    expected = model.timeline("speech.wav", window=0.5, step=0.25)
    options = ("predict", "speech.wav", "--timeline", "--window", "0.5", "--step", "0.25")
    (found,) = json.loads(run(*options, "--format", "json").output)
    assert [each["begin"] for each in found["segments"]] == [each.begin for each in expected]
    assert found["segments"][0]["probabilities"] == dict(expected.segments[0].probabilities)
    assert [(t["begin"], t["emotion"]) for t in found["turns"]] == [
        (turn.begin, turn.emotion) for turn in expected.turns
    ]
    assert (found["note"], found["emotion"]) == (expected.note, expected.prediction.emotion)
    rows = [*csv.DictReader(io.StringIO(run(*options, "--format", "csv").output))]
    assert [float(row["speech"]) for row in rows] == [each.speech for each in expected]
    table = run(*options, "missing.wav")
    assert len(table.output.splitlines()) == 1 + len(expected.turns) + 1
    assert (table.status, table.errors.count("ser: missing.wav")) == (1, 1)


def test_a_microphone_is_judged_like_a_file(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "modules").mkdir()
    (folder / "modules" / "sounddevice.py").write_text(
        "import soundfile\n"
        "class PortAudioError(Exception): pass\n"
        "def rec(frames, samplerate, channels, dtype):\n"
        "    assert (frames, samplerate, channels, dtype) == (32000, 16000, 1, 'float32')\n"
        "    return soundfile.read('16k.wav', dtype='float32', always_2d=True)[0]\n"
        "def wait(): pass\n"
    )
    monkeypatch.syspath_prepend(str(folder / "modules"))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    signal = np.tile(made.signal("03a01Wa.wav"), 3)
    (folder / "16k.wav").write_bytes(made.sound(signal, subtype="FLOAT"))
    result = run("predict", "--microphone", "--seconds", "2", "16k.wav", "-f", "json")
    file, recorded = json.loads(result.output)
    assert recorded["file"] == "microphone"
    assert recorded["probabilities"] == pytest.approx(file["probabilities"], abs=1e-6)


def test_the_doctor_names_what_is_absent_and_fails_for_what_is_broken(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = run("doctor", "--format", "json")
    found = {each["check"]: each for each in json.loads(healthy.output)}
    assert healthy.status == 0, healthy
    assert "2 models, aliases: latest, production" in found["registry"]["detail"]
    assert found["versions"]["detail"].startswith(f"ser {ser.__version__}, Python 3.")
    monkeypatch.setenv("SER_MAX_BODY_MB", "many")
    monkeypatch.setenv("SER_API_KEYS", "alice fly sha256:00")
    (folder / "blocked").write_text("a file")
    broken = run("doctor", "--registry", "blocked/model", "--format", "json")
    states = {each["check"]: each["state"] for each in json.loads(broken.output)}
    assert broken.status == 1
    assert {name for name, state in states.items() if state == "failed"} == {
        *("settings", "keys", "registry")
    }
    assert "SER_MAX_BODY_MB" in broken.output


def test_names_of_files_are_no_formulas_in_csv(run: Run, folder: Path) -> None:
    (folder / "=1+1.wav").write_bytes((folder / "speech.wav").read_bytes())
    output = run("predict", "=1+1.wav", "--format", "csv").output
    assert [row["file"] for row in csv.DictReader(io.StringIO(output))] == ["'=1+1.wav"]


def test_names_of_files_cannot_steer_the_terminal(run: Run, folder: Path) -> None:
    name = "red\x1b[31m\nline.wav"
    (folder / name).write_bytes((folder / "speech.wav").read_bytes())
    output = run("predict", name).output
    assert "\x1b" not in output
    assert "red?[31m?line.wav" in output
    assert len(output.splitlines()) == 2
