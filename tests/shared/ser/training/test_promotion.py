"""The condition under which an alias moves, through ser.train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gates
import ser
from gates import BAD, GOOD
from ser.errors import AlteredModel, InvalidInput
from ser.registry import Registry, new_model_id, open_registry
from ser.training import PromoteIf, Promotion, with_promotion
from ser.training._publication import LATEST

GATE: dict[str, Any] = {"alias": "production", "promote_if": {"figure": "uar"}}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of which a speaker with more than ten utterances is held out."""
    return gates.write_corpus(tmp_path_factory.mktemp("promotion"))


@pytest.fixture(scope="module")
def trained(
    corpus: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Registry, list[dict[str, Any]]]:
    """A registry, and the answers of three trainings one after the other."""
    registry = open_registry(tmp_path_factory.mktemp("gate") / "model")
    return registry, [ser.train(corpus, registry, **recipe, **GATE) for recipe in (GOOD, BAD, GOOD)]


def test_a_worse_model_does_not_become_production_and_the_answer_says_why(
    trained: tuple[Registry, list[dict[str, Any]]],
) -> None:
    registry, (first, worse, equal) = trained
    assert first["promotion"] == {
        "alias": "production",
        "moved": True,
        "reason": "the alias is new, so there was no model to compare with",
    }
    decision = worse["promotion"]
    assert decision["moved"] is False
    assert decision["replaced"] == first["model_id"]
    assert decision["new"] < decision["old"]
    assert decision["lower"] < -decision["tolerance"]
    assert decision["utterances"] >= 10
    for part in ("unweighted average recall", first["model_id"], "both models held out", "not wit"):
        assert part in decision["reason"]
    assert f"alias production was not moved: {decision['reason']}" in worse["notes"]
    assert not [note for note in first["notes"] if "was not moved" in note]
    # The figures are those of the evaluation, since both models hold out the same utterances.
    assert decision["old"] == pytest.approx(first["metrics"]["uar"])
    assert decision["new"] == pytest.approx(worse["metrics"]["uar"])
    # A repeated training is no worse, so production moves again.
    assert equal["promotion"]["moved"] is True
    assert equal["promotion"]["lower"] == 0
    moves = [move.model_id for move in registry.history("production")]
    assert moves == [first["model_id"], equal["model_id"]]


def test_latest_is_the_newest_model_whatever_its_figures(
    trained: tuple[Registry, list[dict[str, Any]]],
) -> None:
    registry, answers = trained
    moves = [move.model_id for move in registry.history(LATEST)]
    assert moves == [answer["model_id"] for answer in answers]


def test_a_rollback_brings_back_the_model_before_and_keeps_history(
    trained: tuple[Registry, list[dict[str, Any]]], tmp_path: Path
) -> None:
    source, (first, _, equal) = trained
    registry = open_registry(tmp_path / "copy")
    for answer in (first, equal):
        registry.import_(source.export(answer["model_id"], tmp_path))
        registry.move("production", answer["model_id"])
    assert registry.rollback("production") == first["model_id"]
    assert [move.action for move in registry.history("production")] == ["move", "move", "rollback"]


def decide(registry: Registry, model_id: str, **condition: Any) -> dict[str, Any]:
    promotion = Promotion("production", PromoteIf(**condition))
    answer: dict[str, Any] = {"model_id": model_id, "notes": []}
    decision: dict[str, Any] = with_promotion(answer, registry, promotion)["promotion"]
    return decision


@pytest.fixture
def copied(trained: tuple[Registry, list[dict[str, Any]]], tmp_path: Path) -> tuple[Registry, Any]:
    """A copy of the registry with ``production`` at the first model, and the ids of all."""
    source, answers = trained
    registry, ids = open_registry(tmp_path / "copied"), [each["model_id"] for each in answers]
    for model_id in ids:
        registry.import_(source.export(model_id, tmp_path))
    registry.move("production", ids[0])
    return registry, ids


def test_a_tolerance_of_one_lets_every_model_pass(copied: tuple[Registry, Any]) -> None:
    registry, ids = copied
    assert decide(registry, ids[1], tolerance=1.0, figure="wa")["moved"] is True
    assert registry.resolve("production") == ids[1]


def test_a_model_does_not_replace_a_newer_one(copied: tuple[Registry, Any]) -> None:
    registry, ids = copied
    registry.move("production", ids[2])
    decision = decide(registry, ids[0])
    assert (decision["moved"], registry.resolve("production")) == (False, ids[2])
    assert f"a newer model, {ids[2]}" in decision["reason"]


def test_a_repeated_decision_for_the_same_model_stands(copied: tuple[Registry, Any]) -> None:
    registry, ids = copied
    assert decide(registry, ids[0])["moved"] is True
    assert len(registry.history("production")) == 1


def test_an_alias_that_moves_during_the_comparison_is_compared_again(
    copied: tuple[Registry, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ids = copied
    load, rivals = registry.load, [ids[1]]

    def rival(name: str) -> Any:
        if rivals:
            Registry.move(registry, "production", rivals.pop())
        return load(name)

    monkeypatch.setattr(registry, "load", rival)
    decision = decide(registry, ids[2])
    assert (decision["moved"], decision["replaced"]) == (True, ids[1])


def test_a_model_that_cannot_be_read_keeps_its_alias(
    copied: tuple[Registry, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ids = copied

    def refuse(name: str) -> Any:
        raise AlteredModel(f"{name} was altered")

    monkeypatch.setattr(registry, "load", refuse)
    decision = decide(registry, ids[2])
    assert decision == {
        "alias": "production",
        "moved": False,
        "reason": f"{ids[0]} was altered",
    }
    assert registry.resolve("production") == ids[0]


def test_other_utterances_of_the_new_model_are_judged_if_too_few_are_held_out_by_both(
    copied: tuple[Registry, Any],
) -> None:
    registry, ids = copied
    old = registry.model(ids[0])
    files = {name: old.read(name) for name in old.manifest["files"] if "samples" not in name}
    stranger = f"20250101{new_model_id()[8:]}"
    registry.publish(stranger, files, {**old.manifest, "samples": {}})
    registry.move("production", stranger)
    decision = decide(registry, ids[2])
    assert decision["moved"] is True
    assert "the old one may have been trained" in decision["reason"]
    # Nothing can be compared without samples of the new model.
    newer = f"20990101{new_model_id()[8:]}"
    registry.publish(newer, files, {**old.manifest, "samples": {}})
    decision = decide(registry, newer)
    assert decision["moved"] is False
    assert "only 0 utterances can be compared; allowed: 10" in decision["reason"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"promote_if": {}}, "promote_if: there is none; allowed: only with another alias"),
        ({"promote_if": {}, "alias": "latest"}, "latest always moves"),
        ({"promote_if": {"figure": "f1"}, "alias": "best"}, "'uar', 'wa'"),
        ({"promote_if": {"tolerance": 2}, "alias": "best"}, "tolerance"),
        ({"promote_if": {"uar": 0.9}, "alias": "best"}, "unknown field"),
    ],
)
def test_a_condition_that_does_not_fit_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        ser.train("corpus", **BAD, **fields)
