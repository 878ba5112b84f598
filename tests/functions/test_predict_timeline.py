"""POST /predict with a time line, in all of its forms."""

from __future__ import annotations

import csv
import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphs
import made
from clients import Client
from ser import Model, Segment
from ser._segments import segment_of
from ser.service.keys import line_of, new_key
from ser.sounds import SAMPLING_RATE

WAV = {"Content-Type": "audio/wav"}
NDJSON, CSV, VTT = "application/x-ndjson", "text/csv", "text/vtt"
DATA = graphs.model()
SIGNAL = np.concatenate(
    [
        np.tile(made.signal("03a01Wa.wav"), 4)[:24_000],
        np.zeros(48_000, np.float32),
        np.tile(made.signal("03a01Ta.wav"), 4)[:24_000],
    ]
)
SOUND = made.sound(SIGNAL, subtype="FLOAT")


@pytest.fixture
def place() -> dict[str, str]:
    return {"model_id": graphs.publish(Path("model"), DATA), "model_save_path": "model"}


def asked(client: Client, form: str, query: dict[str, str], sound: bytes = SOUND) -> Any:
    return client.post("/predict", query_string=query, data=sound, headers={**WAV, "Accept": form})


@pytest.mark.parametrize(
    ("value", "window", "step"),
    [
        (True, 2, 0.5),
        ("true", 2, 0.5),
        ({}, 2, 0.5),
        ({"window": 1}, 1, 0.5),
        ({"window": "1.5", "step": 1}, 1.5, 1),
        ('{"step": 2}', 2, 2),
        ("1, 0.25", 1, 0.25),
    ],
)
def test_the_time_line_is_that_of_the_library(
    predict: Client, place: dict[str, str], value: Any, window: float, step: float
) -> None:
    sound = b64encode(SOUND).decode()
    answer = predict.post("/predict", json=place | {"audio": sound, "timeline": value}).json
    timeline = Model(DATA).timeline(SIGNAL, SAMPLING_RATE, window=window, step=step)
    (segments,), (turns,) = answer["segments"], answer["turns"]
    assert [(each["begin"], each["end"]) for each in segments] == [
        (each.begin, each.end) for each in timeline
    ]
    for found, segment in zip(segments, timeline, strict=True):
        assert (found["emotion"], found["speech"]) == (segment.emotion, segment.speech)
        assert found["label"] == (segment.label.code if segment.label else None)
        assert [*found["probabilities"]] == [*answer["probabilities"][0]]
        assert [*found["probabilities"].values()] == pytest.approx(
            segment.probabilities.array.tolist(), abs=1e-6
        )
    assert [(each["begin"], each["emotion"]) for each in turns] == [
        (each.begin, each.emotion) for each in timeline.turns
    ]
    assert answer["timeline_note"] == [timeline.note]
    assert (timeline.note is None) == (window >= 2)
    without = predict.post("/predict", json=place | {"audio": sound}).json
    assert {**answer, **without} == answer
    assert {"segments", "turns", "timeline_note"} == answer.keys() - without.keys()


@pytest.mark.parametrize("value", [False, "false", None])
def test_no_time_line_is_answered_unless_it_is_asked_for(
    predict: Client, place: dict[str, str], value: Any
) -> None:
    body = place | {"audio": b64encode(SOUND).decode(), "timeline": value}
    assert "segments" not in predict.post("/predict", json=body).json


@pytest.mark.parametrize(
    ("value", "location", "message"),
    [
        ({"window": 0.1}, ["timeline", "window"], "0.1 does not fit; allowed: a number >= 0.25"),
        ({"step": 31}, ["timeline", "step"], "31 does not fit"),
        ({"width": 1}, ["timeline", "width"], "unknown field; allowed: window, step"),
        ("1", ["timeline"], '"1" does not fit; allowed: true, or an object such as'),
        ("1,2,3", ["timeline"], "does not fit"),
        ("1,x", ["timeline", "step"], "does not fit"),
        (7, ["timeline"], "7 does not fit"),
        ([1, 2], ["timeline"], "does not fit"),
    ],
)
def test_a_bad_time_line_is_refused_by_name(
    predict: Client, place: dict[str, str], value: Any, location: list[str], message: str
) -> None:
    body = place | {"audio": b64encode(SOUND).decode(), "timeline": value}
    response = predict.post("/predict", json=body)
    assert response.status_code == 422
    (error,) = response.json["errors"]
    assert error["loc"] == location
    assert message in error["msg"]


def test_a_form_and_a_query_take_a_time_line(predict: Client, place: dict[str, str]) -> None:
    raw = predict.post(
        "/predict", query_string=place | {"timeline": "1,1"}, data=SOUND, headers=WAV
    )
    form = predict.post(
        "/predict", data=place | {"timeline": "1,1", "audio": (io.BytesIO(SOUND), "a.wav")}
    )
    assert raw.json["segments"] == form.json["segments"]
    assert len(raw.json["segments"][0]) == 6


def test_lines_are_the_segments_and_then_the_whole_answer(
    predict: Client, place: dict[str, str]
) -> None:
    sounds = [b64encode(each).decode() for each in (SOUND, made.sound(SIGNAL[:24_000]))]
    body = place | {"audio": sounds, "timeline": True}
    response = predict.post("/predict", json=body, headers={"Accept": NDJSON})
    assert (response.status_code, response.mimetype) == (200, NDJSON)
    *lines, last = map(json.loads, response.text.splitlines())
    assert last == predict.post("/predict", json=body).json
    for index in (0, 1):
        of_sound = [dict(each) for each in lines if each["sound"] == index]
        assert [each | {"sound": index} for each in last["segments"][index]] == of_sound
    assert [each["sound"] for each in lines] == sorted(each["sound"] for each in lines)


@pytest.mark.parametrize("closes", [False, True])
def test_a_line_is_sent_before_later_windows_are_judged(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch, closes: bool
) -> None:
    made_segments: list[Segment] = []

    def noting(*arguments: Any) -> Segment:
        made_segments.append(segment_of(*arguments))
        return made_segments[-1]

    monkeypatch.setattr("ser._timeline.segment_of", noting)
    long = made.sound(np.tile(SIGNAL, 10))
    response = asked(predict, NDJSON, place | {"timeline": "0.25,0.25"}, long)
    lines = response.iter_encoded()
    assert json.loads(next(lines))["begin"] == 0
    judged = len(made_segments)
    assert judged < 240 / 4
    if closes:
        # A client that has gone ends the work.
        response.close()
        lines.close()
        assert len(made_segments) < 240 / 2
    else:
        assert len(list(lines)) == 240
        assert len(made_segments) == 240


def test_an_error_after_the_first_line_is_a_problem_in_the_last_one(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:

    def failing(window: Any, *arguments: Any) -> Segment:
        if window.begin:
            raise RuntimeError("a detail of the machine")
        return segment_of(window, *arguments)

    monkeypatch.setattr("ser._timeline.segment_of", failing)
    response = asked(predict, NDJSON, place)
    first, last = map(json.loads, response.text.splitlines())
    assert first["begin"] == 0
    assert (last["status"], last["instance"]) == (500, response.headers["X-Request-Id"])
    assert "detail of the machine" not in response.text


def test_a_request_that_does_not_fit_is_refused_with_a_status_of_its_own(
    predict: Client, place: dict[str, str]
) -> None:
    for form in (NDJSON, CSV, VTT):
        response = asked(predict, form, place, b"no sound")
        assert (response.status_code, response.mimetype) == (422, "application/problem+json")


def test_csv_has_a_row_for_each_segment_and_vtt_a_cue_for_each_turn(
    predict: Client, place: dict[str, str]
) -> None:
    timeline = Model(DATA).timeline(SIGNAL, SAMPLING_RATE)
    table = asked(predict, CSV, place)
    assert table.mimetype == CSV
    assert len(list(csv.DictReader(io.StringIO(table.text)))) == len(timeline)
    assert table.text == timeline.to_csv()
    cues = asked(predict, VTT, place)
    assert (cues.mimetype, cues.text) == (VTT, timeline.to_vtt())
    assert {each.headers["X-Content-Type-Options"] for each in (table, cues)} == {"nosniff"}


@pytest.mark.parametrize("form", [CSV, VTT])
def test_only_the_time_line_of_one_sound_has_these_forms(
    predict: Client, place: dict[str, str], form: str
) -> None:
    body = place | {"audio": [b64encode(SOUND).decode()] * 2}
    response = predict.post("/predict", json=body, headers={"Accept": form})
    assert response.status_code == 422
    assert f"2 sounds; allowed with Accept: {form}: one" in response.json["detail"]


@pytest.mark.parametrize(
    "accepted",
    ["*/*", "application/json", "text/html,*/*;q=0.8", "text/csv;q=0.1,*/*", "image/png", "\xff"],
)
def test_other_clients_get_json(predict: Client, place: dict[str, str], accepted: str) -> None:
    assert asked(predict, accepted, place).mimetype == "application/json"


def test_a_sound_that_cannot_be_judged_has_no_time_line(
    predict: Client, place: dict[str, str]
) -> None:
    sounds = ["AAAA", b64encode(SOUND).decode()]
    body = place | {"audio": sounds, "timeline": True, "on_error": "report"}
    answer = predict.post("/predict", json=body).json
    assert [each is None for each in answer["segments"]] == [True, False]
    assert [each is None for each in answer["turns"]] == [True, False]
    assert [each is None for each in answer["errors"]] == [False, True]


@pytest.mark.parametrize("form", ["application/json", NDJSON, CSV])
def test_an_answer_that_would_be_too_large_is_refused_before_it_is_computed(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("SER_MAX_ANSWER_MB", "0.004")
    monkeypatch.setattr("ser._timeline.segment_of", None)
    response = asked(predict, form, place | {"timeline": "0.25,0.25"})
    assert response.status_code == 413
    assert "24 segments" in response.json["detail"]
    assert "SER_MAX_ANSWER_MB" in response.json["detail"]


@pytest.mark.parametrize("form", ["application/json", NDJSON, VTT])
def test_windows_that_hear_a_sound_very_often_are_refused_before_they_are_judged(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "24")
    long = made.sound(np.tile(SIGNAL, 4))
    assert asked(predict, form, place | {"timeline": "2,0.25"}, long).status_code == 200
    monkeypatch.setattr("ser._timeline.segment_of", None)
    response = asked(predict, form, place | {"timeline": "10,0.25"}, long)
    assert response.status_code == 413
    assert (
        "The 57 windows of the time line have 570 s together; allowed: 192 s"
        in response.json["detail"]
    )


def test_windows_count_only_for_as_long_as_their_sound(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "10")
    sounds = [b64encode(made.sound(SIGNAL[:16_000])).decode()] * 10
    body = place | {"audio": sounds, "timeline": "30,0.25"}
    answer = predict.post("/predict", json=body)
    assert [len(each) for each in answer.json["segments"]] == [1] * 10


@pytest.mark.parametrize("form", ["application/json", NDJSON, CSV])
def test_the_quota_of_sound_counts_a_time_line_once(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    key = new_key()
    monkeypatch.setenv("SER_API_KEYS", line_of(key, "ann", "predict", ("sound=13/day",)))
    monkeypatch.setenv("SER_JOBS_URI", "state")
    headers = {**WAV, "Accept": form, "Authorization": f"Bearer {key}"}
    statuses = [
        predict.post("/predict", query_string=place, data=SOUND, headers=headers).status_code
        for _ in range(3)
    ]
    assert statuses == [200, 200, 429]
