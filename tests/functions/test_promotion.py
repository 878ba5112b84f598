"""POST /aliases/<alias> with a condition: the gate of trainings, for models that are published."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import gates
import ser
from clients import Client
from ser.registry import Registry, open_registry


class Published(NamedTuple):
    """A registry with two models, the later of which is worse."""

    folder: Path
    good: str
    bad: str


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("promotion")
    corpus, registry = gates.write_corpus(folder), open_registry(folder / "model")
    good, bad = (
        ser.train(corpus, registry, **recipe)["model_id"] for recipe in (gates.GOOD, gates.BAD)
    )
    registry.move("production", good)
    return Published(folder / "model", good, bad)


@pytest.fixture
def registry(published: Published, bounds: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A copy of the registry, whose ``production`` points at the good model, as the setting."""
    shutil.copytree(published.folder, bounds / "model")
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(bounds / "model"))
    return open_registry(bounds / "model")


def test_an_alias_does_not_move_to_a_worse_model_and_the_problem_says_why(
    predict: Client, registry: Registry, published: Published
) -> None:
    asked = {"model_id": published.bad, "promote_if": {"figure": "uar"}}
    refused = predict.post("/aliases/production", json=asked)
    assert (refused.status_code, refused.mimetype) == (409, "application/problem+json")
    detail = refused.json["detail"]
    assert detail.startswith("alias production was not moved: unweighted average recall ")
    for part in (published.good, "both models held out", "not within the tolerance of 0.05"):
        assert part in detail
    assert [each.model_id for each in registry.history("production")] == [published.good]
    # Without the condition, the operator decides.
    moved = predict.post("/aliases/production", json={"model_id": published.bad}).json
    assert moved["model_id"] == published.bad
    assert "promotion" not in moved


def test_an_alias_moves_to_a_model_that_passes_also_to_an_older_one(
    predict: Client, registry: Registry, published: Published
) -> None:
    asked: dict[str, Any] = {"model_id": published.bad, "promote_if": {"tolerance": 1}}
    tolerated = predict.post("/aliases/production", json=asked).json
    assert tolerated["model_id"] == published.bad == registry.resolve("production")
    assert tolerated["promotion"]["replaced"] == published.good
    assert tolerated["promotion"]["new"] < tolerated["promotion"]["old"]
    better = predict.post(
        "/aliases/production", json={"model_id": published.good, "promote_if": {"figure": "wa"}}
    )
    assert better.status_code == 200
    assert registry.resolve("production") == published.good
    promotion = better.json["promotion"]
    assert (promotion["moved"], promotion["figure"], promotion["tolerance"]) == (True, "wa", 0.05)
    assert promotion["lower"] >= -0.05
    assert promotion["utterances"] >= 10


def test_an_alias_that_is_new_moves_and_says_so(
    predict: Client, registry: Registry, published: Published
) -> None:
    asked = {"model_id": "production", "promote_if": {}}
    answer = predict.post("/aliases/candidate", json=asked).json
    assert answer["model_id"] == published.good == registry.resolve("candidate")
    assert answer["promotion"] == {
        "alias": "candidate",
        "moved": True,
        "reason": "the alias is new, so there was no model to compare with",
    }


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"rollback": True, "promote_if": {}}, 422, "there is no model to compare"),
        ({"model_id": "latest", "promote_if": {"tolerance": 2}}, 422, "tolerance"),
        ({"model_id": "latest", "promote_if": {"figure": "f1"}}, 422, "'uar', 'wa'"),
        ({"model_id": "none", "promote_if": {}}, 404, "its aliases: latest, production"),
    ],
)
def test_a_condition_that_does_not_fit_moves_nothing(
    predict: Client, registry: Registry, asked: dict[str, Any], status: int, words: str
) -> None:
    refused = predict.post("/aliases/production", json=asked)
    assert refused.status_code == status
    assert words in refused.json["detail"]
    assert len(registry.history("production")) == 1


def test_a_model_that_cannot_be_read_is_named_and_the_alias_stays(
    predict: Client, registry: Registry, published: Published
) -> None:
    (Path(registry.uri) / published.good / "model.onnx").write_bytes(b"altered")
    refused = predict.post(
        "/aliases/production", json={"model_id": published.bad, "promote_if": {}}
    )
    assert refused.status_code == 409
    assert refused.json["type"] == "urn:ser:problem:altered-model"
    assert published.good in refused.json["detail"]
    assert registry.resolve("production") == published.good
