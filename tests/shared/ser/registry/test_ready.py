"""The model that is part of the package."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import made
import ser
from ser.errors import InvalidInput, NotFound
from ser.registry import READY_FOLDER, PublishedModel, ready_model

MAX_BYTES = 1_800_000
"""Largest size of the folder, which every image of the functions contains."""


def test_its_files_are_those_of_its_manifest() -> None:
    model = ready_model()
    assert model.is_whole()
    files = {file.name for file in READY_FOLDER.iterdir()}
    assert files == {*model.manifest["files"], "manifest.json"}
    assert sum(file.stat().st_size for file in READY_FOLDER.iterdir()) < MAX_BYTES


def test_it_holds_no_sound_and_no_place_of_the_machine_that_made_it() -> None:
    manifest = ready_model().manifest
    assert manifest["samples"] == {}
    assert manifest["corpus"]["remote_url"] == manifest["request"]["remote_url"] == "emodb.zip"
    for file in ("manifest.json", "report.html"):
        text = (READY_FOLDER / file).read_text()
        assert "/tmp/" not in text
        assert "/home/" not in text


def test_it_names_its_corpus_and_its_figures() -> None:
    manifest = ready_model().manifest
    assert "Burkhardt" in manifest["about"]
    assert manifest["request"]["preset"] == "light"
    assert manifest["loso"]["uar"] > 0.85
    assert len(manifest["loso"]["per_speaker"]) == 10


def test_it_is_loaded_by_its_name_and_predicts(bounds: Path) -> None:
    # A file or folder of this name needs a path.
    shutil.copytree(READY_FOLDER, bounds / "ready")
    (bounds / "ready" / "model.onnx").write_bytes(b"")
    model = ser.load_model("ready")
    assert isinstance(model, PublishedModel)
    assert model.model_id == "ready"
    prediction = model.predict(made.signal("03a01Wa.wav"), 16_000)
    assert prediction.probabilities.keys() == set(model.emotions)
    with pytest.raises(ser.SerError, match=r"model\.onnx"):
        ser.load_model("./ready")


def test_it_is_in_no_registry(bounds: Path) -> None:
    with pytest.raises(NotFound, match="ready"):
        ser.load_model("ready", registry="model")
    with pytest.raises(InvalidInput, match="part of ser"):
        ser.open_registry("model").move("ready", "20261122T143105Z-1a2b3c4d")
