"""The forms in which clients send sounds to POST /predict, and errors of single sounds."""

from __future__ import annotations

import io
import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, redirect
from werkzeug.datastructures import FileStorage

import buckets
import graphs
import made
from applications import served
from clients import Client

SOUND = made.sound(made.signal("03a01Wa.wav"))
FORM = "multipart/form-data"
TEXT = b64encode(SOUND).decode()
SHORT = b64encode(made.sound(made.signal("03a01Wa.wav")[:160])).decode()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The registry of a model, which is the default one."""
    from ser.registry import open_registry

    monkeypatch.setenv("SER_ALLOWED_PATHS", str(tmp_path))
    model_id = graphs.publish(tmp_path / "model", graphs.model(), {"held-out.wav": SOUND})
    open_registry(tmp_path / "model").move("latest", model_id)
    return {"model_save_path": str(tmp_path / "model")}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(TEXT, id="standard"),
        pytest.param(encodebytes(SOUND).decode(), id="lines of 76"),
        pytest.param(TEXT + "\n", id="final newline"),
        pytest.param(TEXT.rstrip("="), id="without padding"),
        pytest.param(urlsafe_b64encode(SOUND).decode(), id="urlsafe"),
        pytest.param("data:audio/wav;base64," + TEXT, id="data URL"),
        pytest.param("data:audio/webm;codecs=opus;base64," + TEXT, id="with parameters"),
    ],
)
def test_base64_is_read_in_every_dialect_also_without_a_name_of_the_model(
    predict: Client, place: dict[str, str], text: str
) -> None:
    expected = predict.post("/predict", json=place | {"audio": TEXT}).json
    assert expected["speech"] == [True], expected
    in_json = predict.post("/predict", json=place | {"audio": text})
    in_form = predict.post("/predict", data=place | {"audio": text}, content_type=FORM)
    assert in_json.json == in_form.json == expected


def test_the_character_that_is_not_base64_is_named(predict: Client, place: dict[str, str]) -> None:
    for audio, loc in (("AA!A", ["audio"]), ([TEXT, "AA!A"], ["audio", 1])):
        response = predict.post("/predict", json=place | {"audio": audio})
        assert response.status_code == 422
        (error,) = response.json["errors"]
        assert error["loc"] == loc
        assert "'!' at position 2" in error["msg"]


@pytest.mark.parametrize(
    "media_type",
    ["audio/wav", "audio/x-wav", "video/webm", "application/ogg", "application/octet-stream"],
)
def test_a_sound_is_read_as_the_body_with_each_media_type_of_sounds(
    predict: Client, place: dict[str, str], media_type: str
) -> None:
    response = predict.post("/predict", query_string=place, data=SOUND, content_type=media_type)
    assert response.status_code == 200
    assert response.json["sample_name"] == [None]


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("angry.wav", "angry.wav"),
        ("../../etc/passwd", "passwd"),
        ("Ärger 1.wav", "Ärger 1.wav"),
        ("a\u202eb\x07.wav", "ab.wav"),
        ("..", None),
        ("x" * 1000, "x" * 255),
    ],
)
def test_the_name_of_a_file_is_answered_without_folders_and_unprintable_characters(
    predict: Client, place: dict[str, str], given: str, answered: str | None
) -> None:
    file = FileStorage(io.BytesIO(SOUND), given)
    answer = predict.post("/predict", data=place | {"audio": file})
    assert answer.status_code == 200
    assert answer.json["sample_name"] == [answered]


def test_equal_names_of_files_stay_equal_in_the_order_of_the_request(
    predict: Client, place: dict[str, str]
) -> None:
    files = [FileStorage(io.BytesIO(SOUND), name) for name in ("b.wav", "a.wav", "b.wav")]
    answer = predict.post("/predict", data=place | {"audio": files}).json
    assert answer["sample_name"] == ["b.wav", "a.wav", "b.wav"]


@pytest.fixture
def web() -> Iterator[str]:
    """The address of a server with a sound, a redirect to it, and files that are none."""
    app = Flask("web")
    app.add_url_rule("/sounds/angry one.wav", "sound", lambda: SOUND)
    app.add_url_rule("/moved", "moved", lambda: redirect("/sounds/angry%20one.wav"))
    app.add_url_rule("/large", "large", lambda: bytes(3_000_000))
    with served(app) as address:
        yield address


@pytest.fixture
def open_web(web: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SER_ALLOWED_HOSTS", "127.0.0.1")
    return web


def test_sounds_are_fetched_from_addresses_beside_those_in_base64(
    predict: Client, place: dict[str, str], open_web: str, tmp_path: Path
) -> None:
    (tmp_path / "local.wav").write_bytes(SOUND)
    address = {"url": f"{open_web}/sounds/angry%20one.wav?token=secret"}
    one = predict.post("/predict", json=place | {"audio": address}).json
    assert one["sample_name"] == ["angry one.wav"]
    audio = [address, TEXT, {"url": f"{open_web}/moved"}, {"url": str(tmp_path / "local.wav")}]
    answer = predict.post("/predict", json=place | {"audio": audio}).json
    assert answer["sample_name"] == ["angry one.wav", None, "moved", "local.wav"]
    assert answer["probabilities"] == one["probabilities"] * 4
    form = place | {"audio": json.dumps(address)}
    assert predict.post("/predict", data=form, content_type=FORM).json == one


def test_a_sound_is_fetched_from_a_bucket_that_is_allowed(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    with buckets.s3() as address:
        for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="sounds")
        boto3.client("s3").put_object(Bucket="sounds", Key="day/a.wav", Body=SOUND)
        asked = place | {"audio": {"url": "s3://sounds/day/a.wav"}}
        assert predict.post("/predict", json=asked).json["sample_name"] == ["a.wav"]
        monkeypatch.setenv("SER_ALLOWED_BUCKETS", "others")
        refused = predict.post("/predict", json=asked)
        assert refused.status_code == 422
        assert "SER_ALLOWED_BUCKETS" in refused.json["detail"]


def test_the_access_rules_of_a_corpus_hold_for_the_address_of_a_sound(
    predict: Client, place: dict[str, str], web: str
) -> None:
    audio = [{"url": f"{web}/moved"}, {"url": "/etc/passwd"}, {"url": "ftp://example.com/a.wav"}]
    response = predict.post("/predict", json=place | {"audio": audio})
    assert response.status_code == 422
    errors = response.json["errors"]
    assert [error["loc"] for error in errors] == [["audio", index, "url"] for index in range(3)]
    for error, reason in zip(
        errors, ("SER_ALLOWED_HOSTS", "SER_ALLOWED_PATHS", "allowed: http"), strict=True
    ):
        assert reason in error["msg"]


def test_a_server_that_fails_and_a_file_that_is_too_large_are_reported(
    predict: Client, place: dict[str, str], open_web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_BODY_MB", "1")
    for path, status, reason in (("gone", 502, "404"), ("large", 413, "SER_MAX_BODY_MB")):
        asked = place | {"audio": {"url": f"{open_web}/{path}"}}
        response = predict.post("/predict", json=asked)
        assert response.status_code == status
        assert reason in response.json["detail"]


def test_errors_of_single_sounds_are_reported_beside_the_answers_on_request(
    predict: Client, place: dict[str, str], open_web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "2")
    long = b64encode(made.sound(made.signal("03a01Wa.wav").repeat(20))).decode()
    gone = {"url": f"{open_web}/gone"}
    asked = place | {"audio": [TEXT, SHORT, "AA!A", gone, long, TEXT]}
    assert predict.post("/predict", json=asked).status_code != 200
    response = predict.post("/predict", json=asked | {"on_error": "report"})
    assert response.status_code == 200
    answer = response.json
    statuses = [problem and problem["status"] for problem in answer["errors"]]
    assert statuses == [None, 422, 422, 502, 413, None]
    assert answer["errors"][1]["errors"][0]["loc"] == ["audio", 1]
    answered = [status is None for status in statuses]
    for field in ("speech", "prediction", "probabilities", "emotions"):
        assert [value is not None for value in answer[field]] == answered
    alone = predict.post("/predict", json=place | {"audio": TEXT}).json
    assert "errors" not in alone
    assert answer["probabilities"][5] == alone["probabilities"][0]


def test_an_unknown_held_out_name_is_reported_beside_the_answers_on_request(
    predict: Client, place: dict[str, str]
) -> None:
    form = place | {"sample_name": ["held-out.wav", "unknown.wav"], "on_error": "report"}
    answer = predict.post("/predict", data=form, content_type=FORM).json
    assert [problem and problem["status"] for problem in answer["errors"]] == [None, 404]
    assert answer["sample_name"] == ["held-out.wav", "unknown.wav"]


def test_a_body_with_too_many_values_is_refused_before_they_take_memory(
    predict: Client, place: dict[str, str]
) -> None:
    body = b'{"audio": [' + b"[]," * 100_000 + b"[]]}"
    response = predict.post("/predict", data=body, content_type="application/json")
    assert response.status_code == 400
    assert "at most 100,000" in response.json["detail"]


def requests() -> dict[str, tuple[dict[str, Any], int, str]]:
    """Return requests that are refused, with their status and a part of their message."""
    part = (
        b'--x\r\nContent-Disposition: form-data; name="%b"; filename="a.wav"\r\n\r\n%b\r\n--x--\r\n'
    )
    form = "multipart/form-data; boundary=x"
    return {
        "curl without a type": (
            {"data": SOUND, "content_type": "application/x-www-form-urlencoded"},
            415,
            "allowed: application/json",
        ),
        "compressed": (
            {"data": SOUND, "content_type": "audio/wav", "headers": {"Content-Encoding": "gzip"}},
            415,
            "no encoding",
        ),
        "file": ({"data": part % (b"file", SOUND), "content_type": form}, 422, "audio"),
        "audio[]": ({"data": part % (b"audio[]", SOUND), "content_type": form}, 422, "audio"),
        "without boundary": (
            {"data": part % (b"audio", SOUND), "content_type": "multipart/form-data"},
            400,
            "boundary",
        ),
        "an event of Lambda": ({"json": {"isBase64Encoded": True, "body": TEXT}}, 422, "audio"),
    }


@pytest.mark.parametrize("name", requests())
def test_a_request_in_another_form_is_refused_with_the_allowed_ones(
    predict: Client, place: dict[str, str], name: str
) -> None:
    request, status, message = requests()[name]
    response = predict.post("/predict", query_string=place, **request)
    assert response.status_code == status
    assert message in response.json["detail"]


def test_a_query_that_is_not_utf_8_is_refused(predict: Client) -> None:
    # PEP 3333: the variables of WSGI are bytes as latin-1.
    for path, method in (("/predict", "POST"), ("/models/ready/report", "GET")):
        raw = {"QUERY_STRING": "model_id=ready&speaker=\xff"}
        sent = {"data": SOUND} if method == "POST" else {}
        response = predict.open(
            path, method=method, content_type="audio/wav", environ_overrides=raw, **sent
        )
        assert response.status_code == 400
        assert "not in UTF-8" in response.json["detail"]
