"""The command in the same process, and a folder with sounds, a corpus and a registry."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

import made
from commands import Result, Run
from examples import FACTS, prepare
from graphs import model
from ser.command import main
from ser.registry import new_model_id, open_registry


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs ``ser <arguments>`` in this process."""
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("SER_URL", "SER_API_KEY", "SER_MODEL_KEY", "SER_JOBS_URI", "SER_KEEP_MODELS"):
        monkeypatch.delenv(name, raising=False)

    def run_command(*arguments: str | Path) -> Result:
        with pytest.raises(SystemExit) as ending:
            main([*map(str, arguments)])
        assert isinstance(ending.value.code, int)
        return Result(ending.value.code, *capsys.readouterr())

    return run_command


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the examples of the library, with fewer utterances, and a second model, to which
    production moved."""
    folder = tmp_path_factory.mktemp("command")
    prepare(folder)
    shutil.rmtree(folder / "corpus")
    utterances = made.names(("03", "08", "09"), "FTW")
    with zipfile.ZipFile(made.corpus(folder / "corpus.zip", utterances)) as archive:
        archive.extractall(folder / "corpus")
    registry = open_registry(folder / "model")
    first, second = registry.resolve("latest"), new_model_id()
    files = {"model.onnx": model(), "report.html": b"<!doctype html>"}
    registry.publish(second, files, {"samples": {}, **FACTS})
    for each in (first, second):
        registry.move("production", each)
    registry.move("latest", second)
    return folder


@pytest.fixture
def folder(prepared: Path, bounds: Path) -> Path:
    """The working directory, with a copy of the prepared files."""
    shutil.copytree(prepared, bounds, dirs_exist_ok=True)
    return bounds
