"""The choices of the demo; tests/test_readme.py runs it as a whole."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import demo
import made
import weights
from ser.encoders import EncoderSources
from ser.registry import new_model_id, open_registry


@pytest.fixture
def folder(bounds: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty clone."""
    monkeypatch.setattr(demo, "FOLDER", bounds / "demo")
    monkeypatch.setattr(demo, "CORPUS", bounds / "demo" / "corpus.zip")
    monkeypatch.setattr(demo, "MODELS", bounds / "model")
    (bounds / "demo").mkdir()
    return bounds


def test_another_corpus_replaces_the_data_of_the_one_before(folder: Path) -> None:
    first, second = (
        made.corpus(folder / f"{speaker}.zip", made.names(speakers=[speaker]))
        for speaker in ("03", "08")
    )
    extracted = folder / "demo" / "data" / "working"
    demo.provide(first)
    extracted.mkdir(parents=True)
    demo.provide(first)
    assert extracted.exists()
    demo.provide(second)
    assert not extracted.exists()
    assert demo.CORPUS.read_bytes() == second.read_bytes()


def test_the_model_becomes_latest_only_if_it_replaces_no_other(folder: Path) -> None:
    assert demo.choose_registry() == folder / "model"
    registry, model_id = open_registry(folder / "model"), new_model_id()
    registry.publish(model_id, {"model.onnx": b"a model"}, {})
    registry.move("latest", model_id)
    assert demo.choose_registry() == folder / "demo" / "model"


def test_a_corpus_of_the_user_is_preferred(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMODB_ZIP", "/corpora/emodb.zip")
    assert demo.choose_corpus() == ("EmoDB", Path("/corpora/emodb.zip"))


def test_an_archive_that_was_downloaded_before_is_not_downloaded_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMODB_ZIP", raising=False)
    monkeypatch.setattr(demo, "official_server_answers", lambda: pytest.fail("it was asked"))
    (folder / "demo" / "emodb.zip").touch()
    assert demo.choose_corpus() == ("EmoDB", folder / "demo" / "emodb.zip")


def test_without_weights_the_demo_shows_light_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if weights.found():
        assert demo.choose_request() == demo.REQUEST
        assert capsys.readouterr().out == ""
    monkeypatch.setattr(EncoderSources, "open", weights.refuse)
    assert demo.choose_request() == demo.LIGHT_REQUEST
    printed = capsys.readouterr().out
    assert printed.startswith("The demo shows the preset light: ")
    assert "install the weights" in printed
    requests = [msgspec.json.decode(f.read_bytes()) for f in (demo.REQUEST, demo.LIGHT_REQUEST)]
    assert [each.pop("preset") for each in requests] == ["accurate", "light"]
    assert requests[0] == requests[1]
