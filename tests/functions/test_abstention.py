"""POST /predict about sounds of which the model is unsure: confidence, familiarity, reasons."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphs
import made
from clients import ROOT, Client

NAMES = made.names(["08"], "ALNT")
SOUNDS = [b64encode(made.sound(made.signal(name), subtype="FLOAT")).decode() for name in NAMES]
SILENCE = b64encode(made.sound(np.zeros(8_000, np.float32))).decode()

Body = dict[str, Any]


def published(bounds: Path, model: bytes) -> Body:
    """Publish ``model`` and return the fields that name it."""
    model_id = graphs.publish(bounds / "model", model)
    return {"model_id": model_id, "model_save_path": "model"}


@pytest.fixture
def place(bounds: Path) -> Body:
    """The fields that name a model that measures familiarity."""
    return published(bounds, graphs.model(measures_familiarity=True))


def test_every_sound_has_a_confidence_a_familiarity_and_no_reason(
    predict: Client, place: Body
) -> None:
    answer = predict.post("/predict", json=place | {"audio": SOUNDS}).json
    assert answer["confidence"] == [max(each.values()) for each in answer["probabilities"]]
    assert answer["reason"] == [None] * len(SOUNDS)
    assert all(0 < each < 1 for each in answer["familiarity"])
    assert len(set(answer["familiarity"])) == len(SOUNDS)


def test_a_model_that_does_not_measure_familiarity_answers_null(
    predict: Client, bounds: Path
) -> None:
    asked = published(bounds, graphs.model()) | {"audio": SOUNDS[:2]}
    answer = predict.post("/predict", json=asked).json
    assert answer["familiarity"] == [None, None]
    assert len(answer["confidence"]) == 2


def test_below_a_confidence_the_prediction_is_null_with_the_reason(
    predict: Client, place: Body
) -> None:
    asked = place | {"audio": SOUNDS}
    plain = predict.post("/predict", json=asked).json
    limit = sorted(plain["confidence"])[len(SOUNDS) // 2]
    answer = predict.post("/predict", json=asked | {"abstain_below": limit}).json
    unsure = [confidence < limit for confidence in plain["confidence"]]
    assert set(unsure) == {True, False}
    for field in ("prediction", "emotions"):
        kept = zip(unsure, plain[field], strict=True)
        assert answer[field] == [None if each else value for each, value in kept]
    assert [reason is not None for reason in answer["reason"]] == unsure
    for reason, confidence in zip(answer["reason"], plain["confidence"], strict=True):
        assert reason is None or (f"{confidence:.2f}" in reason and f"{limit:.2f}" in reason)
    for field in ("probabilities", "confidence", "familiarity", "speech"):
        assert answer[field] == plain[field]


def test_a_confidence_that_equals_the_limit_is_enough(predict: Client, place: Body) -> None:
    asked = place | {"audio": SOUNDS[0]}
    (confidence,) = predict.post("/predict", json=asked).json["confidence"]
    answer = predict.post("/predict", json=asked | {"abstain_below": confidence}).json
    assert answer["prediction"] != [None]


def test_silence_has_the_reason_that_no_voice_speaks_whatever_the_limit(
    predict: Client, place: Body
) -> None:
    asked = place | {"audio": [SILENCE, SOUNDS[0]]}
    for limit in (None, 0, 1):
        answer = predict.post("/predict", json=asked | {"abstain_below": limit}).json
        assert answer["prediction"][0] is None
        assert "speech" in answer["reason"][0]
        assert (answer["prediction"][1] is None) == (limit == 1)


def test_a_sound_with_a_problem_has_no_values(predict: Client, place: Body) -> None:
    asked = place | {"audio": ["AAAA", SOUNDS[0]], "on_error": "report", "abstain_below": 0.1}
    answer = predict.post("/predict", json=asked).json
    assert answer["errors"][0]["status"] == 422
    for field in ("confidence", "familiarity", "reason", "prediction"):
        assert answer[field][0] is None
    assert answer["prediction"][1] is not None


@pytest.mark.parametrize("limit", [-0.1, 1.1, "nan", "half", True, [0.5]])
def test_a_limit_that_is_no_share_is_refused(predict: Client, place: Body, limit: object) -> None:
    response = predict.post("/predict", json=place | {"audio": SOUNDS[0], "abstain_below": limit})
    assert response.status_code == 422
    (error,) = response.json["errors"]
    assert error["loc"] == ["abstain_below"]
    assert "allowed: a number >= 0 and <= 1" in error["msg"]


def test_the_sample_request_of_an_unsure_answer_is_answered(predict: Client, bounds: Path) -> None:
    body = json.loads((ROOT / "requests" / "predict-unsure.json").read_text())
    samples = {name: made.sound(made.signal("03a01Wa.wav")) for name in body["sample_name"]}
    model_id = graphs.publish(bounds / "model", graphs.model(), samples)
    answer = predict.post("/predict", json=body | {"model_id": model_id})
    assert answer.status_code == 200, answer.text
    assert answer.json["emotions"] == [None, None]
    assert answer.json["ground_truth"] == ["W", "W"]
