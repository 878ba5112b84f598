"""POST /predict with enrolled sounds and profiles of speakers, and with silence."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from werkzeug.datastructures import FileStorage

import graphs
import made
from clients import Client

SOUNDS = [made.sound(made.signal(name), subtype="FLOAT") for name in made.names(["08"], "ALNT")]
SILENCE = made.sound(np.zeros(8_000, np.float32))
HELD_OUT = "03a01Wa.wav"

Body = dict[str, Any]


def encoded(*sounds: bytes) -> list[str]:
    return [b64encode(sound).decode() for sound in sounds]


def body_of(bounds: Path, model: bytes) -> Body:
    samples = {HELD_OUT: made.sound(made.signal(HELD_OUT))}
    model_id = graphs.publish(bounds / "model", model, samples)
    return {"model_id": model_id, "model_save_path": "model"}


@pytest.fixture
def place(bounds: Path) -> Body:
    """The fields that name a model with support for profiles."""
    return body_of(bounds, graphs.model())


@pytest.fixture
def profile(predict: Client, place: Body) -> Body:
    """The profile of a speaker with three enrolled sounds."""
    asked = place | {"audio": encoded(SOUNDS[0]), "enrolment": encoded(*SOUNDS[:3])}
    profile: Body = predict.post("/predict", json=asked).json["speaker_profile"]
    return profile


def faults(response: Any) -> list[list[str | int]]:
    """Return the locations of the faults in a response with status 422."""
    assert response.status_code == 422, response.text
    return [error["loc"] for error in response.json["errors"]]


def test_an_answer_without_enrolment_has_no_profile(predict: Client, place: Body) -> None:
    answer = predict.post("/predict", json=place | {"audio": encoded(SOUNDS[0])}).json
    assert "speaker_profile" not in answer


def test_enrolment_changes_the_answer_and_returns_a_profile(predict: Client, place: Body) -> None:
    asked = place | {"audio": encoded(*SOUNDS[:2])}
    stranger = predict.post("/predict", json=asked).json
    known = predict.post("/predict", json=asked | {"enrolment": encoded(*SOUNDS)}).json
    assert known["probabilities"] != stranger["probabilities"]
    assert len(known["probabilities"]) == 2
    assert known["speaker_profile"]["count"] == len(SOUNDS)
    assert known["speaker_profile"]["front_end"] == "0f" * 32


def test_a_profile_replaces_the_sounds_that_it_was_made_from(predict: Client, place: Body) -> None:
    asked = place | {"audio": encoded(*SOUNDS[:2])}
    enrolled = predict.post("/predict", json=asked | {"enrolment": encoded(*SOUNDS)}).json
    again = predict.post(
        "/predict", json=asked | {"speaker_profile": enrolled["speaker_profile"]}
    ).json
    assert again == enrolled


def test_a_profile_includes_sounds_that_are_enrolled_later(
    predict: Client, place: Body, profile: Body
) -> None:
    asked = place | {"audio": encoded(SOUNDS[0])}
    later = {"speaker_profile": profile, "enrolment": encoded(*SOUNDS[3:])}
    grown = predict.post("/predict", json=asked | later).json
    at_once = predict.post("/predict", json=asked | {"enrolment": encoded(*SOUNDS)}).json
    assert grown["speaker_profile"]["count"] == len(SOUNDS)
    (one,), (other,) = grown["probabilities"], at_once["probabilities"]
    assert one == pytest.approx(other, abs=1e-5)


def test_a_profile_applies_to_held_out_utterances(
    predict: Client, place: Body, profile: Body
) -> None:
    asked = place | {"sample_name": HELD_OUT}
    stranger = predict.post("/predict", json=asked).json
    known = predict.post("/predict", json=asked | {"speaker_profile": profile}).json
    assert known["ground_truth"] == ["W"]
    assert known["probabilities"] != stranger["probabilities"]
    assert known["speaker_profile"] == profile


def test_every_form_of_request_gets_the_same_answer(
    predict: Client, place: Body, profile: Body
) -> None:
    def files(*sounds: bytes) -> list[FileStorage]:
        return [FileStorage(io.BytesIO(sound), "a.wav") for sound in sounds]

    more = SOUNDS[3:5]
    known = {"enrolment": encoded(*more), "speaker_profile": profile}
    text = json.dumps(profile)
    answers = [
        predict.post("/predict", json=place | known | {"audio": encoded(SOUNDS[0])}),
        predict.post(
            "/predict", json=place | known | {"audio": encoded(SOUNDS[0]), "speaker_profile": text}
        ),
        predict.post(
            "/predict",
            data=place
            | {"audio": files(SOUNDS[0]), "enrolment": files(*more), "speaker_profile": text},
        ),
        predict.post(
            "/predict",
            query_string=place | known | {"speaker_profile": text},
            data=SOUNDS[0],
            content_type="audio/wav",
        ),
    ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    bodies = [answer.json | {"sample_name": [None]} for answer in answers]
    assert all(body == bodies[0] for body in bodies)


def test_enrolment_accepts_one_sound_without_a_list(predict: Client, place: Body) -> None:
    asked = place | {"audio": encoded(SOUNDS[0])}
    (one,) = encoded(SOUNDS[1])
    answers = [predict.post("/predict", json=asked | {"enrolment": e}).json for e in (one, [one])]
    assert answers[0] == answers[1]
    assert answers[0]["speaker_profile"]["count"] == 1


def test_null_means_no_enrolment(predict: Client, place: Body) -> None:
    asked = place | {"audio": encoded(SOUNDS[0])}
    null = predict.post("/predict", json=asked | {"enrolment": None, "speaker_profile": None})
    assert null.json == predict.post("/predict", json=asked).json


def test_all_bad_sounds_of_audio_and_enrolment_are_reported_at_once(
    predict: Client, place: Body
) -> None:
    asked = {
        "audio": encoded(b"", SOUNDS[0], b"no sound", SILENCE),
        "enrolment": encoded(SOUNDS[0], SILENCE, b"no sound"),
    }
    response = predict.post("/predict", json=place | asked)
    assert faults(response) == [["audio", 0], ["audio", 2], ["enrolment", 1], ["enrolment", 2]]
    assert "-70 dBFS" in response.json["errors"][2]["msg"]


def test_enrolled_sounds_count_towards_the_limit(
    predict: Client, place: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = encoded(made.sound(np.resize(made.signal(HELD_OUT), 16_000)))
    asked = place | {"audio": second, "enrolment": second}
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "2")
    assert predict.post("/predict", json=asked).status_code == 200
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "1.9")
    assert predict.post("/predict", json=asked).status_code == 413


def test_a_model_without_profiles_names_the_models_that_take_them(
    predict: Client, bounds: Path, profile: Body
) -> None:
    asked = body_of(bounds, graphs.model(takes_profile=False)) | {"audio": encoded(SOUNDS[0])}
    assert predict.post("/predict", json=asked).status_code == 200
    known = {"enrolment": encoded(SOUNDS[1]), "speaker_profile": profile}
    for fields in (["enrolment"], ["speaker_profile"], ["enrolment", "speaker_profile"]):
        response = predict.post("/predict", json=asked | {name: known[name] for name in fields})
        assert faults(response) == [[name] for name in fields]
        assert "DiscriminantClassifier" in response.json["errors"][0]["msg"]


@pytest.mark.parametrize(
    ("change", "loc", "message"),
    [
        ({"front_end": "a1" * 32}, "front_end", "allowed: 0f0f"),
        ({"count": 0}, "count", ">= 1"),
        ({"count": 10**12}, "count", "<= 1000000"),
        ({"mean": "?"}, "mean", "base64"),
        ({"mean": ""}, "mean", "allowed: 4 float32"),
        ({"mean": b64encode(bytes(20)).decode()}, "mean", "20 bytes; allowed: 4 float32"),
        ({"mean": b64encode(np.full(4, np.nan, "<f4").tobytes()).decode()}, "mean", "nan"),
        ({"deviation": b64encode(np.full(4, -1, "<f4").tobytes()).decode()}, "deviation", "-1"),
        ({"extra": 1}, "extra", "unknown field"),
    ],
)
@pytest.mark.parametrize("form", [dict, json.dumps])
def test_every_bad_field_of_a_profile_is_reported_by_name(
    predict: Client, place: Body, profile: Body, change: Body, loc: str, message: str, form: Any
) -> None:
    asked = place | {"audio": encoded(SOUNDS[0]), "speaker_profile": form(profile | change)}
    response = predict.post("/predict", json=asked)
    assert faults(response) == [["speaker_profile", loc]]
    assert message in response.json["errors"][0]["msg"]


@pytest.mark.parametrize("value", [5, "", "{", "[]", [], True])
def test_a_value_that_is_not_an_object_is_refused_as_a_profile(
    predict: Client, place: Body, value: object
) -> None:
    asked = place | {"audio": encoded(SOUNDS[0]), "speaker_profile": value}
    response = predict.post("/predict", json=asked)
    assert faults(response) == [["speaker_profile"]]
    assert "allowed: an object" in response.json["errors"][0]["msg"]


def test_a_bad_profile_is_reported_with_the_other_bad_fields(
    predict: Client, place: Body, profile: Body
) -> None:
    asked = place | {"enrolment": [], "speaker_profile": profile | {"count": 0}, "loudness": 1}
    assert faults(predict.post("/predict", json=asked)) == [
        ["loudness"],
        ["speaker_profile", "count"],
        ["audio"],
        ["enrolment"],
    ]


def test_silence_has_no_predicted_emotion(predict: Client, place: Body, profile: Body) -> None:
    quiet = made.sound(1e-5 * made.signal(HELD_OUT), subtype="FLOAT")
    asked = place | {"audio": encoded(SILENCE, SOUNDS[0], quiet), "speaker_profile": profile}
    answer = predict.post("/predict", json=asked).json
    assert answer["speech"] == [False, True, False]
    for field in ("prediction", "emotions"):
        assert [value is None for value in answer[field]] == [True, False, True]
    for silent in (0, 2):
        assert list(answer["probabilities"][silent].values()) == pytest.approx([1 / 3] * 3)


def test_a_trained_model_enrols_a_speaker_and_recognises_the_profile_in_the_next_request(
    train: Client, predict: Client, train_body: Body
) -> None:
    """The whole way from a corpus to a profile, with the defaults of both functions."""
    recipe = {"model_type": "DiscriminantClassifier"}
    asked = {name: train_body[name] for name in ("data_path", "remote_url", "model_save_path")}
    published = train.post("/train", json=asked | recipe).json
    place = {"model_id": published["model_id"], "model_save_path": asked["model_save_path"]}
    body = place | {"sample_name": published["test_samples"]}
    stranger = predict.post("/predict", json=body).json
    first = predict.post("/predict", json=body | {"enrolment": encoded(*SOUNDS)}).json
    later = predict.post("/predict", json=body | {"speaker_profile": first["speaker_profile"]}).json
    assert later == first
    assert first["probabilities"] != stranger["probabilities"]
    assert first["speaker_profile"]["count"] == len(SOUNDS)
    for probabilities in first["probabilities"]:
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_profiles_are_documented(predict: Client) -> None:
    document = predict.get("/openapi.json").json
    schemas = document["components"]["schemas"]
    fields = schemas["PredictRequest"]["properties"]
    assert all(field["description"] for field in fields.values())
    profile = schemas["SpeakerProfile"]
    assert set(profile["required"]) == {"front_end", "count", "mean", "deviation"}
    assert all(field["description"] for field in profile["properties"].values())
    reference = {"$ref": "#/components/schemas/SpeakerProfile"}
    assert reference in fields["speaker_profile"]["anyOf"]
    answer = schemas["PredictAnswer"]
    assert reference.items() <= answer["properties"]["speaker_profile"].items()
    assert "speaker_profile" not in answer["required"]
    form = schemas["PredictForm"]["properties"]
    assert {"audio", "enrolment", "speaker_profile", "model_save_path"} <= form.keys()
