"""POST /predict with sounds of a channel, room or corpus, and with domain profiles."""

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
from clients import ROOT, Client

SOUNDS = [made.sound(made.signal(name), subtype="FLOAT") for name in made.names(["08"], "ALNT")]
SILENCE = made.sound(np.zeros(8_000, np.float32))
HELD_OUT = "03a01Wa.wav"

Body = dict[str, Any]


def encoded(*sounds: bytes) -> list[str]:
    return [b64encode(sound).decode() for sound in sounds]


def published(bounds: Path, model: bytes) -> Body:
    """Publish ``model`` and return the fields that name it."""
    samples = {HELD_OUT: made.sound(made.signal(HELD_OUT))}
    model_id = graphs.publish(bounds / "model", model, samples)
    return {"model_id": model_id, "model_save_path": "model"}


@pytest.fixture
def place(bounds: Path) -> Body:
    """The fields that name a model with support for both kinds of profiles."""
    return published(bounds, graphs.model(takes_domain=True))


@pytest.fixture
def profile(predict: Client, place: Body) -> Body:
    """The profile of a domain with three enrolled sounds."""
    asked = place | {"audio": encoded(SOUNDS[0]), "domain_enrolment": encoded(*SOUNDS[:3])}
    profile: Body = predict.post("/predict", json=asked).json["domain_profile"]
    return profile


def faults(response: Any) -> list[list[str | int]]:
    """Return the locations of the faults in a response with status 422."""
    assert response.status_code == 422, response.text
    return [error["loc"] for error in response.json["errors"]]


def test_enrolled_sounds_of_a_domain_change_the_answer_and_return_a_profile(
    predict: Client, place: Body
) -> None:
    asked = place | {"audio": encoded(*SOUNDS[:2])}
    plain = predict.post("/predict", json=asked).json
    assert "domain_profile" not in plain
    adapted = predict.post("/predict", json=asked | {"domain_enrolment": encoded(*SOUNDS)}).json
    assert adapted["probabilities"] != plain["probabilities"]
    assert "speaker_profile" not in adapted
    assert adapted["domain_profile"].keys() == {"front_end", "count", "mean"}
    assert adapted["domain_profile"]["count"] == len(SOUNDS)
    # The answer adapted by the sounds is that adapted by their profile.
    sent = {"domain_profile": adapted["domain_profile"]}
    assert predict.post("/predict", json=asked | sent).json == adapted


def test_a_profile_includes_sounds_that_are_enrolled_later(
    predict: Client, place: Body, profile: Body
) -> None:
    asked = place | {"audio": encoded(SOUNDS[0])}
    later = {"domain_profile": profile, "domain_enrolment": encoded(*SOUNDS[3:])}
    grown = predict.post("/predict", json=asked | later).json
    at_once = predict.post("/predict", json=asked | {"domain_enrolment": encoded(*SOUNDS)}).json
    assert grown["domain_profile"]["count"] == len(SOUNDS)
    (one,), (other,) = grown["probabilities"], at_once["probabilities"]
    assert one == pytest.approx(other, abs=1e-5)


def test_a_domain_and_a_speaker_are_enrolled_independently(
    predict: Client, place: Body, profile: Body
) -> None:
    asked = place | {"sample_name": HELD_OUT}
    speaker, domain = {"enrolment": encoded(*SOUNDS[3:5])}, {"domain_enrolment": encoded(SOUNDS[5])}
    both = predict.post("/predict", json=asked | speaker | domain).json
    alone = [predict.post("/predict", json=asked | each).json for each in (speaker, domain)]
    assert both["ground_truth"] == ["W"]
    assert both["speaker_profile"] == alone[0]["speaker_profile"]
    assert both["domain_profile"] == alone[1]["domain_profile"]
    answers = [both, *alone]
    assert len({str(answer["probabilities"]) for answer in answers}) == len(answers)


def test_every_form_of_request_gets_the_same_answer(
    predict: Client, place: Body, profile: Body
) -> None:
    def files(*sounds: bytes) -> list[FileStorage]:
        return [FileStorage(io.BytesIO(sound), "a.wav") for sound in sounds]

    more, text = SOUNDS[3:5], json.dumps(profile)
    known = {"domain_enrolment": encoded(*more), "domain_profile": profile, "abstain_below": 0.99}
    audio = {"audio": encoded(SOUNDS[0])}
    spelt = known | {"domain_profile": text, "abstain_below": "0.99"}
    answers = [
        predict.post("/predict", json=place | known | audio),
        predict.post("/predict", json=place | spelt | audio),
        predict.post(
            "/predict",
            data=place | spelt | {"audio": files(SOUNDS[0]), "domain_enrolment": files(*more)},
        ),
        predict.post(
            "/predict", query_string=place | spelt, data=SOUNDS[0], content_type="audio/wav"
        ),
    ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    bodies = [answer.json | {"sample_name": [None]} for answer in answers]
    assert bodies[0]["domain_profile"]["count"] == 5
    assert bodies[0]["prediction"] == [None]
    assert all(body == bodies[0] for body in bodies)


def test_all_bad_sounds_of_every_field_are_reported_at_once(predict: Client, place: Body) -> None:
    asked = {
        "audio": encoded(SOUNDS[0], b"no sound"),
        "enrolment": encoded(SILENCE),
        "domain_enrolment": encoded(SOUNDS[0], SILENCE),
    }
    expected = [["audio", 1], ["enrolment", 0], ["domain_enrolment", 1]]
    assert faults(predict.post("/predict", json=place | asked)) == expected
    # Only the sounds to judge can be reported one by one.
    reporting = place | asked | {"on_error": "report"}
    assert faults(predict.post("/predict", json=reporting)) == expected[1:]
    assert faults(predict.post("/predict", json=place | {**asked, "domain_enrolment": []})) == [
        ["domain_enrolment"]
    ]


def test_sounds_of_the_domain_count_towards_the_limit(
    predict: Client, place: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = encoded(made.sound(np.resize(made.signal(HELD_OUT), 16_000)))
    asked = place | {"audio": second, "domain_enrolment": second}
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "2")
    assert predict.post("/predict", json=asked).status_code == 200
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "1.9")
    assert predict.post("/predict", json=asked).status_code == 413


def test_a_model_without_domains_names_the_models_that_take_them(
    predict: Client, bounds: Path, profile: Body
) -> None:
    asked = published(bounds, graphs.model()) | {"audio": encoded(SOUNDS[0])}
    assert predict.post("/predict", json=asked).status_code == 200
    known = {"domain_enrolment": encoded(SOUNDS[1]), "domain_profile": profile}
    for fields in (["domain_enrolment"], ["domain_profile"], [*known]):
        response = predict.post("/predict", json=asked | {name: known[name] for name in fields})
        assert faults(response) == [[name] for name in fields]
        assert "allowed: " in response.json["errors"][0]["msg"]


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"front_end": "a1" * 32}, "front_end"),
        ({"count": 0}, "count"),
        ({"mean": b64encode(bytes(20)).decode()}, "mean"),
        ({"mean": b64encode(np.full(4, np.nan, "<f4").tobytes()).decode()}, "mean"),
        ({"deviation": ""}, "deviation"),
    ],
)
def test_every_bad_field_of_a_profile_is_reported_by_name(
    predict: Client, place: Body, profile: Body, change: Body, loc: str
) -> None:
    asked = place | {"audio": encoded(SOUNDS[0]), "domain_profile": profile | change}
    response = predict.post("/predict", json=asked)
    assert faults(response) == [["domain_profile", loc]]
    assert "allowed: " in response.json["errors"][0]["msg"]


def test_the_sample_request_for_a_new_room_is_answered(
    predict: Client, place: Body, bounds: Path
) -> None:
    body = json.loads((ROOT / "requests" / "predict-new-room.json").read_text())
    for sound, data in zip([body["audio"], *body["domain_enrolment"]], SOUNDS, strict=False):
        file = bounds / sound["url"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    answer = predict.post("/predict", json=body | place)
    assert answer.status_code == 200, answer.text
    assert answer.json["sample_name"] == ["10a01Wa.wav"]
    assert answer.json["domain_profile"]["count"] == len(body["domain_enrolment"])
