"""Corpora, models, jobs and arrivals have places of their own, which requests cannot mix."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ser.errors import InvalidInput
from ser.service.access import Access
from ser.service.places import Places
from ser.service.settings import Settings
from ser.service.training.execution import execute
from ser.service.training.request import read_train_request

CLONE = Path(__file__).resolve().parents[4]
"""The source tree that these tests run from."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(os.path.realpath(tmp_path))


def places(root: Path, **settings: Any) -> Places:
    return Places(Settings(allowed_paths=(root,), **settings))


@pytest.mark.parametrize("value", ["tests", "tests/new", "new", ".", "infra/local", "data/../docs"])
def test_no_corpus_and_no_model_goes_into_the_source_tree(value: str) -> None:
    clone = places(CLONE)
    with pytest.raises(InvalidInput, match=r"is outside of SER_DATA_PATHS.*SER_ALLOWED_PATHS"):
        clone.for_data(str(CLONE / value))
    with pytest.raises(InvalidInput, match=r"is outside of SER_MODEL_PATHS.*SER_ALLOWED_PATHS"):
        clone.for_models(str(CLONE / value))


def test_the_source_tree_has_folders_that_are_set_aside() -> None:
    clone = places(CLONE)
    for name in ("data", "data/emodb", "demo/data"):
        assert clone.for_data(str(CLONE / name)) == CLONE / name
    for name in ("model", "demo/model"):
        assert clone.for_models(str(CLONE / name)) == CLONE / name


def test_a_link_into_the_source_tree_is_refused(root: Path) -> None:
    (root / "link").symlink_to(CLONE / "tests")
    allowed = Places(Settings(allowed_paths=(root, CLONE)))
    with pytest.raises(InvalidInput, match="SER_DATA_PATHS"):
        allowed.for_data(str(root / "link"))


def test_a_setting_may_set_aside_a_further_folder_of_the_source_tree() -> None:
    chosen = places(CLONE, data_paths=(Path("build/corpora"),))
    assert chosen.for_data(str(CLONE / "build/corpora/a")) == CLONE / "build/corpora/a"
    with pytest.raises(InvalidInput, match="SER_DATA_PATHS"):
        chosen.for_data(str(CLONE / "data"))
    with pytest.raises(InvalidInput, match="SER_DATA_PATHS"):
        places(CLONE, data_paths=(Path(),)).for_data(str(CLONE / "tests"))


def test_the_working_directory_is_for_reading_unless_a_setting_names_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    default = Places(Settings.from_environment({}))
    assert default.to_read("anything") == root / "anything"
    assert default.for_data("data") == root / "data"
    assert default.for_models("model") == root / "model"
    with pytest.raises(InvalidInput, match="SER_DATA_PATHS"):
        default.for_data("anything")
    named = Places(Settings.from_environment({"SER_ALLOWED_PATHS": str(root)}))
    assert named.for_data("anything") == root / "anything"


def test_roots_in_settings_are_below_each_allowed_path_or_absolute(root: Path) -> None:
    elsewhere = root.parent / "elsewhere"
    env = {
        "SER_ALLOWED_PATHS": f"{root}/a:{root}/b",
        "SER_DATA_PATHS": f"corpora:{elsewhere}",
        "SER_MODEL_PATHS": "models",
    }
    chosen = Places(Settings.from_environment(env))
    for path in (root / "a/corpora/x", root / "b/corpora", elsewhere / "y"):
        assert chosen.for_data(str(path)) == path
    for path in (root / "a/models", root / "a", root / "b/other"):
        with pytest.raises(InvalidInput, match=f"allowed: {root}/a/corpora, "):
            chosen.for_data(str(path))
    with pytest.raises(InvalidInput, match="SER_MODEL_PATHS"):
        chosen.for_models(str(root / "a/corpora/x"))


def test_models_in_a_kept_corpus_are_refused(root: Path) -> None:
    (root / "corpus" / "pristine").mkdir(parents=True)
    for path in (root / "corpus", root / "corpus" / "working" / "model"):
        with pytest.raises(InvalidInput, match="is in the corpus"):
            Access(Settings(allowed_paths=(root,))).location(str(path))


@pytest.mark.parametrize("path", ["model", "model/data", "model/20260101T000000Z-00000000/data"])
def test_a_corpus_among_models_is_refused(root: Path, path: str) -> None:
    (root / "model" / "aliases").mkdir(parents=True)
    with pytest.raises(InvalidInput, match="is among the models"):
        places(root).for_data(str(root / path))


@pytest.mark.parametrize("models", ["a/model/aliases", "a/b/c/20260101T000000Z-00000000"])
def test_a_corpus_above_models_is_refused(root: Path, models: str) -> None:
    (root / models).mkdir(parents=True)
    with pytest.raises(InvalidInput, match="is above the models"):
        places(root).for_data(str(root / "a"))


def test_a_corpus_in_the_place_of_a_thousand_folders_is_refused(root: Path) -> None:
    for number in range(1_001):
        (root / "a" / str(number)).mkdir(parents=True)
    with pytest.raises(InvalidInput, match="has more than 1,000 folders"):
        places(root).for_data(str(root / "a"))


@pytest.mark.parametrize("corpus", ["a", "a/corpus"])
def test_a_corpus_that_is_kept_may_be_used_again_unless_it_is_above_models(
    root: Path, corpus: str
) -> None:
    working = root / corpus / "working"
    for name in ("pristine", *(f"working/{number}" for number in range(1_001))):
        (root / corpus / name).mkdir(parents=True)
    (working / "20260101T000000Z-00000000").mkdir()
    assert places(root).for_data(str(root / "a")) == root / "a"
    (root / "a" / "model" / "aliases").mkdir(parents=True)
    with pytest.raises(InvalidInput, match="is above the models"):
        places(root).for_data(str(root / "a"))


def test_the_files_of_a_corpus_cannot_pretend_to_be_another_one(root: Path) -> None:
    for name in ("pristine", "working/b/pristine"):
        (root / "corpus" / name).mkdir(parents=True)
    with pytest.raises(InvalidInput, match=r"is among the files of the corpus '.*/corpus'"):
        places(root).for_data(str(root / "corpus" / "working" / "b" / "c"))


@pytest.mark.parametrize("kept", ["pristine", "working", "working/wav", "incoming", "features/a"])
def test_a_corpus_among_the_files_of_another_is_refused(root: Path, kept: str) -> None:
    (root / "corpus" / "pristine").mkdir(parents=True)
    with pytest.raises(InvalidInput, match="is among the files of the corpus"):
        places(root).for_data(str(root / "corpus" / kept))
    assert places(root).for_data(str(root / "corpus" / "b")) == root / "corpus" / "b"


@pytest.mark.parametrize(
    ("field", "setting"),
    [
        ("jobs_uri", "SER_JOBS_URI"),
        ("inbox", "SER_INBOX"),
        ("model_save_path", "SER_MODEL_SAVE_PATH"),
    ],
)
def test_a_corpus_is_apart_from_the_places_of_settings(
    root: Path, field: str, setting: str
) -> None:
    chosen = places(root, **{field: str(root / "x" / "kept")})
    for path in ("x/kept", "x/kept/data", "x"):
        with pytest.raises(InvalidInput, match=rf"{setting}\) lie one inside the other"):
            chosen.for_data(str(root / path))
        if field != "model_save_path":
            with pytest.raises(InvalidInput, match=rf"{setting}\) lie one inside the other"):
                chosen.for_models(str(root / path))
    assert chosen.for_data(str(root / "x" / "data")) == root / "x" / "data"


def test_the_place_of_models_in_settings_needs_no_other_permission(root: Path) -> None:
    chosen = places(root / "a", model_save_path=str(root / "models"))
    assert chosen.for_models(str(root / "models")) == root / "models"


@pytest.mark.parametrize(
    ("data", "models"), [("a", "a"), ("a", "a/model"), ("a/data", "a"), ("a", "a/b/../c")]
)
def test_corpus_and_models_of_a_request_are_apart(root: Path, data: str, models: str) -> None:
    body = request(root) | {"data_path": data, "model_save_path": models}
    with pytest.raises(InvalidInput, match="lie one inside the other") as error:
        read_train_request(body, Settings(allowed_paths=(root,)))
    assert [fault.loc for fault in error.value.faults] == [("model_save_path",)]


def request(root: Path) -> dict[str, Any]:
    with zipfile.ZipFile(root / "corpus.zip", "w") as archive:
        archive.writestr("conftest.py", "raise SystemExit")
        archive.writestr("wav/unknown.wav", b"RIFF")
    return {
        "data_path": "data/new/er",
        "remote_url": "corpus.zip",
        "model_save_path": "model/new",
        "preset": "light",
    }


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"remote_url": "none.zip"},
        {"remote_url": ["none.zip", "text.zip"]},
        {"remote_url": "text.zip"},
    ],
    ids=json.dumps,
)
def test_a_refused_training_leaves_no_folder(bounds: Path, change: dict[str, Any]) -> None:
    settings = Settings.from_environment()
    body = request(bounds) | change
    (bounds / "text.zip").write_text("no archive")
    before = sorted(bounds.rglob("*"))
    with pytest.raises(InvalidInput):
        execute(read_train_request(body, settings), settings)
    assert sorted(bounds.rglob("*")) == before


def test_a_refused_training_keeps_a_folder_that_was_there(bounds: Path) -> None:
    settings = Settings.from_environment()
    body = request(bounds)
    (bounds / "data").mkdir()
    with pytest.raises(InvalidInput):
        execute(read_train_request(body, settings), settings)
    assert [*(bounds / "data").iterdir()] == []
