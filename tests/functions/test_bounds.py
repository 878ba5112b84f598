"""The bounds of what a request may hold and of what an answer says."""

from __future__ import annotations

import json
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator

import pytest

import made
from clients import Client
from ser.errors import SerError
from ser.service.inference import sounds
from ser.service.inference.request import LISTS
from ser.service.inference.sounds import RequestedSound, read_signals
from ser.service.settings import Settings

SOUND = made.sound(made.signal("03a01Wa.wav"))
AUDIO = b64encode(SOUND).decode()


@pytest.mark.parametrize("field", LISTS)
def test_a_list_above_its_limit_is_refused(
    predict: Client, monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setenv("SER_MAX_SOUNDS", "2")
    response = predict.post("/predict", json={field: ["a", "b", "c"]})
    assert response.status_code == 422
    (error,) = response.json["errors"]
    assert (error["loc"], "SER_MAX_SOUNDS" in error["msg"]) == ([field], True)


def test_the_document_states_the_limit_of_lists(
    predict: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_SOUNDS", "7")
    schemas = predict.get("/openapi.json").json["components"]["schemas"]
    for name in LISTS:
        (in_json,) = (
            each
            for each in schemas["PredictRequest"]["properties"][name]["anyOf"]
            if each.get("type") == "array"
        )
        in_form = schemas["PredictForm"]["properties"][name]
        assert (in_json["maxItems"], in_form["maxItems"]) == (7, 7)


def test_a_sample_is_decoded_once(predict: Client) -> None:
    response = predict.post("/predict", json={"sample_name": ["a", "b", "a"], "model_id": "x"})
    assert response.status_code == 422
    assert ["sample_name"] in [error["loc"] for error in response.json["errors"]]


def test_faults_are_counted_above_a_hundred(predict: Client) -> None:
    response = predict.post("/predict", json={"audio": 150 * ["AAAA"]})
    errors = response.json["errors"]
    assert (len(errors), errors[-1]) == (101, {"loc": [], "msg": "and 50 more"})
    assert response.json["detail"].endswith("; and 50 more")


def test_an_answer_above_its_limit_is_refused(
    predict: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_ANSWER_MB", "0.002")
    assert predict.post("/predict", json={"audio": [AUDIO]}).status_code == 200
    response = predict.post("/predict", json={"audio": 10 * [AUDIO]})
    assert (response.status_code, "SER_MAX_ANSWER_MB" in response.json["detail"]) == (413, True)


@pytest.mark.parametrize(
    "body",
    [
        '{"audio": "AAAA", "audio": "BBBB"}',
        '{"audio": {"url": "https://a.example/", "url": "http://b.example/"}}',
    ],
    ids=["field", "inside a field"],
)
def test_a_key_that_is_given_twice_cannot_be_read(predict: Client, body: str) -> None:
    response = predict.post("/predict", data=body, content_type="application/json")
    assert (response.status_code, "twice" in response.json["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/predict?model_id=a&model_id=b", "model_id"),
        ("/predict?colour=a&colour=b", "colour"),
        ("/models/a/report?model_id=b", "model_id"),
        ("/models/a/report?model_save_path=a&model_save_path=b", "model_save_path"),
    ],
)
def test_a_field_that_is_given_twice_cannot_be_read(predict: Client, path: str, field: str) -> None:
    method = "GET" if "report" in path else "POST"
    response = predict.open(path, method=method, data=SOUND, content_type="audio/wav")
    assert response.status_code == 400
    assert json.dumps(field) in response.json["detail"]


@pytest.mark.parametrize("header", ["form-data", 'form-data; name=""', 'form-data; filename="a"'])
def test_a_part_without_a_name_cannot_be_read(predict: Client, header: str) -> None:
    response = predict.post(
        "/predict",
        data=f"--x\r\nContent-Disposition: {header}\r\n\r\nRIFF\r\n--x--\r\n".encode(),
        content_type="multipart/form-data; boundary=x",
    )
    assert (response.status_code, "no name" in response.json["detail"]) == (400, True)


def requested(count: int, read: list[int]) -> Iterator[RequestedSound]:
    """Yield sounds of a megabyte that cannot be read; ``read`` lists those that were."""
    for index in range(count):

        def data(index: int = index) -> bytes:
            read.append(index)
            return bytes(1_000_000)

        yield RequestedSound(("audio", index), None, data, {})


def test_the_error_of_a_sound_does_not_keep_its_bytes() -> None:
    tracemalloc.start()
    errors = list(read_signals(requested(30, []), Settings()))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(errors) == 30
    assert held < 3_000_000


def test_sounds_are_not_read_after_too_much_time_was_wasted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sounds, "WASTED_SECONDS", 0.0)
    read: list[int] = []
    errors = list(read_signals(requested(3, read), Settings()))
    assert read == [0]
    assert all(isinstance(each, SerError) for each in errors)
    assert "was not read" in str(errors[-1])
