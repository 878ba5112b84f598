"""POST /predict through functions-framework, in every form of the specification."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from werkzeug.datastructures import FileStorage

import made
from clients import ROOT, Client
from ser.service.settings import Settings

NAME = "03a01Wa.wav"

Answer = dict[str, Any]


@pytest.fixture
def place(published: Answer, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The fields that name the model."""
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(Path(published["model_save_path"]).parent))
    return {
        "model_id": published["model_id"],
        "model_save_path": published["model_save_path"],
    }


@pytest.fixture
def ask(predict: Client, place: dict[str, str]) -> Callable[[bytes], Any]:
    """Send a sound as the body and return the response."""
    return lambda data: predict.post(
        "/predict", query_string=place, data=data, content_type="audio/wav"
    )


def test_answers_for_held_out_names_include_their_true_labels(
    predict: Client, place: dict[str, str], published: Answer
) -> None:
    names = published["test_samples"]
    answer = predict.post("/predict", json=place | {"sample_name": names}).json
    assert answer["model_id"] == published["model_id"]
    assert answer["sample_name"] == names
    assert answer["ground_truth"] == [name[5] for name in names]
    for prediction, emotion, probabilities in zip(
        answer["prediction"], answer["emotions"], answer["probabilities"], strict=True
    ):
        assert list(probabilities) == published["classes"]
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        best = max(probabilities, key=probabilities.__getitem__)
        assert best.split(" - ")[0] == prediction
        assert emotion in {"anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"}


def test_the_metrics_of_train_agree_with_the_predictions(
    predict: Client, place: dict[str, str], published: Answer
) -> None:
    names = published["test_samples"]
    answer = predict.post("/predict", json=place | {"sample_name": names}).json
    right = [a == b for a, b in zip(answer["ground_truth"], answer["prediction"], strict=True)]
    assert np.mean(right) == pytest.approx(published["metrics"]["wa"])


def test_sample_name_accepts_one_name_without_a_list(
    predict: Client, place: dict[str, str], published: Answer
) -> None:
    name = published["test_samples"][0]
    one = predict.post("/predict", json=place | {"sample_name": name}).json
    assert one == predict.post("/predict", json=place | {"sample_name": [name]}).json


def test_every_form_of_upload_gets_the_same_answer(predict: Client, place: dict[str, str]) -> None:
    data = made.sound(made.signal(NAME))
    encoded = b64encode(data).decode()
    answers = [
        predict.post("/predict", json=place | {"audio": encoded}),
        predict.post("/predict", json=place | {"audio": [encoded]}),
        predict.post("/predict", data=place | {"audio": FileStorage(io.BytesIO(data), "a.wav")}),
        predict.post("/predict", query_string=place, data=data, content_type="audio/wav"),
        predict.post("/", json=place | {"audio": encoded}),
        predict.post("/predict", json=place | {"audio": encoded, "model_id": "latest"}),
    ]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    names = [answer.json["sample_name"] for answer in answers]
    assert names == [[None], [None], ["a.wav"], [None], [None], [None]]
    expected = answers[0].json
    assert all(answer.json | {"sample_name": [None]} == expected for answer in answers)
    assert answers[0].json["ground_truth"] == [None]


def test_answers_keep_the_order_of_the_files(predict: Client, place: dict[str, str]) -> None:
    sounds = [made.sound(made.signal(f"03a01{code}a.wav")) for code in "WNT"]
    encoded = [b64encode(data).decode() for data in sounds]
    separate = [
        predict.post("/predict", json=place | {"audio": data}).json["probabilities"][0]
        for data in encoded
    ]
    files = [FileStorage(io.BytesIO(data), f"{i}.wav") for i, data in enumerate(sounds)]
    together = predict.post("/predict", data=place | {"audio": files}).json
    assert together["probabilities"] == separate


def stereo(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.stack([signal, signal], axis=1)


@pytest.mark.parametrize(
    ("sampling_rate", "container", "subtype"),
    [
        (48_000, "WAV", "PCM_24"),
        (44_100, "FLAC", "PCM_16"),
        (8_000, "WAV", "PCM_U8"),
        (16_000, "WAV", "FLOAT"),
        (22_050, "OGG", "VORBIS"),
        (44_100, "MP3", None),
        (16_000, "AIFF", "PCM_16"),
    ],
)
def test_any_format_rate_and_number_of_channels_is_accepted(
    ask: Callable[[bytes], Any], sampling_rate: int, container: str, subtype: str | None
) -> None:
    signal = stereo(made.signal(NAME, sampling_rate))
    response = ask(made.sound(signal, sampling_rate, container=container, subtype=subtype))
    assert response.status_code == 200
    assert sum(response.json["probabilities"][0].values()) == pytest.approx(1, abs=1e-5)


def test_a_lossless_format_does_not_change_the_answer(ask: Callable[[bytes], Any]) -> None:
    signal = made.signal(NAME)
    assert ask(made.sound(signal)).json == ask(made.sound(stereo(signal), container="FLAC")).json


def with_nan(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.arange(len(signal)) % 100 == 7, np.nan, signal).astype(np.float32)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "empty", id="empty"),
        pytest.param(b"RIFF but no sound", "not a readable sound", id="not audio"),
        pytest.param(made.sound(made.signal(NAME))[:30], "cut", id="cut"),
        pytest.param(made.sound(np.zeros(0, np.float32)), "0 ms", id="no samples"),
        pytest.param(made.sound(made.signal(NAME)[:160]), "10 ms", id="10 ms"),
        pytest.param(
            made.sound(1e18 * made.signal(NAME), subtype="FLOAT"), "full scale", id="huge peak"
        ),
        pytest.param(
            made.sound(with_nan(made.signal(NAME)), subtype="FLOAT"), "NaN", id="with NaN"
        ),
    ],
)
def test_an_invalid_sound_is_refused(
    ask: Callable[[bytes], Any], data: bytes, message: str
) -> None:
    response = ask(data)
    assert response.status_code == 422
    (error,) = response.json["errors"]
    assert error["loc"] == ["audio"]
    assert message in error["msg"]


@pytest.mark.parametrize("gain", [0, 1e-42, 1e-5])
def test_silence_has_no_predicted_emotion(ask: Callable[[bytes], Any], gain: float) -> None:
    answer = ask(made.sound(gain * made.signal(NAME), subtype="FLOAT")).json
    assert (answer["speech"], answer["prediction"], answer["emotions"]) == ([False], [None], [None])
    (probabilities,) = answer["probabilities"]
    assert list(probabilities.values()) == pytest.approx([1 / len(probabilities)] * 7)


@pytest.mark.parametrize(
    ("seconds", "sampling_rate"), [(0.1, 16_000), (0.3, 16_000), (600, 48_000)]
)
def test_a_short_and_a_long_sound_are_answered(
    ask: Callable[[bytes], Any], seconds: float, sampling_rate: int
) -> None:
    signal = np.resize(made.signal(NAME, sampling_rate), int(sampling_rate * seconds))
    answer = ask(made.sound(stereo(signal), sampling_rate)).json
    # A tenth of a second is less than a syllable, and no evidence of a voice.
    assert answer["speech"] == [seconds > 0.2]
    assert answer["too_short"] == [0.2 < seconds < 0.5]
    assert sum(answer["probabilities"][0].values()) == pytest.approx(1, abs=1e-4)


def test_every_bad_sound_is_reported_by_its_index(predict: Client, place: dict[str, str]) -> None:
    sounds = [b"", made.sound(made.signal(NAME)), b"no sound"]
    encoded = [b64encode(data).decode() for data in sounds]
    response = predict.post("/predict", json=place | {"audio": encoded})
    assert [error["loc"] for error in response.json["errors"]] == [["audio", 0], ["audio", 2]]


@pytest.mark.parametrize(
    ("environment", "megabytes"),
    [
        ({}, 116.2),
        ({"SER_MAX_AUDIO_SECONDS": "60"}, 12.52),
        ({"SER_MAX_AUDIO_SECONDS": "60", "SER_MAX_BODY_MB": "16"}, 16),
    ],
)
def test_the_limit_of_a_body_follows_from_that_of_its_sounds_unless_it_is_set(
    environment: dict[str, str], megabytes: float
) -> None:
    assert Settings.from_environment(environment).max_body_bytes == megabytes * 1_000_000


def test_a_sound_longer_than_allowed_is_too_large(
    ask: Callable[[bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "1")
    second = np.tile(made.signal(NAME), 5)[:16_000]
    assert ask(made.sound(second)).status_code == 200
    response = ask(made.sound(np.append(second, second[:1])))
    assert response.status_code == 413
    assert "SER_MAX_AUDIO_SECONDS" in response.json["detail"]


@pytest.mark.parametrize("form", ["json", "multipart", "body"])
def test_a_body_above_the_limit_is_refused_in_every_form(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("SER_MAX_BODY_MB", "0.002")
    data = made.sound(made.signal(NAME))
    requests: dict[str, dict[str, Any]] = {
        "json": {"json": place | {"audio": b64encode(data).decode()}},
        "multipart": {"data": place | {"audio": FileStorage(io.BytesIO(data), "a.wav")}},
        "body": {"query_string": place, "data": data, "content_type": "audio/wav"},
    }
    response = predict.post("/predict", **requests[form])
    assert response.status_code == 413
    assert "SER_MAX_BODY_MB" in response.json["detail"]


def test_a_chunked_body_above_the_limit_is_refused_instead_of_truncated(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_BODY_MB", "0.002")
    response = predict.post(
        "/predict",
        query_string=place,
        input_stream=io.BytesIO(made.sound(made.signal(NAME))),
        content_type="audio/wav",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.status_code == 413


class CountedZeros(io.RawIOBase):
    """A body of zeros that counts the bytes that are read."""

    def __init__(self, size: int) -> None:
        self.left, self.count, self.largest = size, 0, 0

    def read(self, size: int = -1) -> bytes:
        self.largest = max(self.largest, sys.maxsize if size < 0 else size)
        taken = self.left if size < 0 else min(size, self.left)
        self.left -= taken
        self.count += taken
        return bytes(taken)


@pytest.mark.parametrize(("sent", "read"), [(5_000_000, 5_000_000), (300_000_000, 20_000_000)])
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"path": "/predict", "content_type": "audio/wav"}, 413),
        ({"path": "/predict", "content_type": "text/plain"}, 415),
        (
            {
                "path": "/predict",
                "content_type": "audio/wav",
                "headers": {"Content-Encoding": "gzip"},
            },
            415,
        ),
        ({"path": "/nowhere"}, 404),
        ({"path": "/healthz", "method": "GET"}, 200),
    ],
    ids=["too large", "of another type", "compressed", "without a route", "of a GET"],
)
def test_a_body_that_is_not_read_is_drained_up_to_20_mb_in_pieces(
    predict: Client,
    monkeypatch: pytest.MonkeyPatch,
    request_: dict[str, Any],
    status: int,
    sent: int,
    read: int,
) -> None:
    monkeypatch.setenv("SER_MAX_BODY_MB", "0.002")
    body = CountedZeros(sent)
    response = predict.open(
        **{"method": "POST", **request_},
        environ_overrides={"wsgi.input": body, "wsgi.input_terminated": True},
    )
    assert response.status_code == status
    assert read <= body.count <= read + 2_001
    assert body.largest <= 2**16


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"--x\r\nContent-Disposition: form-data; name=audio\r\n\r\nRIFF", "boundary=x"),
        (b"--x\r\n\r\n--x--", "boundary=y"),
        (b"--x\r\n\r\n--x--", ""),
    ],
)
def test_a_broken_multipart_body_cannot_be_read(
    predict: Client, place: dict[str, str], data: bytes, content_type: str
) -> None:
    response = predict.post(
        "/predict",
        query_string=place,
        data=data,
        content_type=f"multipart/form-data; {content_type}",
    )
    assert response.status_code == 400


@pytest.mark.parametrize(("parts", "status"), [(10_000, 422), (10_001, 400)])
def test_the_number_of_parts_of_a_form_is_limited(
    predict: Client, place: dict[str, str], parts: int, status: int
) -> None:
    part = b"--x\r\nContent-Disposition: form-data; name=audio\r\n\r\nUklG\r\n"
    response = predict.post(
        "/predict",
        query_string=place,
        data=part * parts + b"--x--\r\n",
        content_type="multipart/form-data; boundary=x",
    )
    assert response.status_code == status
    if status == 400:
        assert "at most 10,000" in response.json["detail"]


def test_a_compressed_body_is_refused(predict: Client, place: dict[str, str]) -> None:
    response = predict.post(
        "/predict", json=place | {"audio": "AAAA"}, headers={"Content-Encoding": "gzip"}
    )
    assert response.status_code == 415


def test_a_field_with_two_values_is_refused(predict: Client, place: dict[str, str]) -> None:
    asked = place | {"audio": FileStorage(io.BytesIO(made.sound(made.signal(NAME))), "a.wav")}
    response = predict.post("/predict", query_string={"model_id": "other"}, data=asked)
    assert response.status_code == 400
    assert "'model_id' is given 2 times" in response.json["detail"].replace('"', "'")


def test_json_that_is_nested_too_deeply_is_refused(predict: Client, place: dict[str, str]) -> None:
    data = b'{"model_id": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"
    response = predict.post("/predict", data=data, content_type="application/json")
    assert response.status_code == 400


def test_the_size_of_a_problem_does_not_grow_with_the_request(
    predict: Client, place: dict[str, str]
) -> None:
    nonsense = {f"field {n}": n for n in range(10_000)} | {"model_id": "x" * 100_000}
    response = predict.post("/predict", json=place | nonsense)
    assert response.status_code == 422
    assert len(response.text) < 10_000


def test_the_duration_limit_applies_to_all_sounds_of_a_request_together(
    predict: Client, place: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_AUDIO_SECONDS", "1")
    encoded = b64encode(made.sound(made.signal(NAME))).decode()
    assert predict.post("/predict", json=place | {"audio": [encoded]}).status_code == 200
    assert predict.post("/predict", json=place | {"audio": [encoded] * 4}).status_code == 413


@pytest.mark.parametrize(
    ("change", "status", "message"),
    [
        ({"model_id": "20200101T000000Z-00000000"}, 404, "20200101T000000Z-00000000"),
        ({"model_id": "production"}, 404, "production"),
        ({"model_id": "../../etc"}, 404, "etc"),
        ({"sample_name": ["03a01Wa.wav", "unknown.wav"]}, 404, "unknown.wav"),
    ],
)
def test_a_missing_model_or_sample_is_reported_by_name(
    predict: Client,
    place: dict[str, str],
    published: Answer,
    change: dict[str, Any],
    status: int,
    message: str,
) -> None:
    asked = place | {"sample_name": published["test_samples"][0]} | change
    response = predict.post("/predict", json=asked)
    assert response.status_code == status
    assert message in response.json["detail"]


@pytest.mark.parametrize(
    ("change", "locations"),
    [
        ({}, ["audio"]),
        ({"audio": "AAAA", "sample_name": "x"}, ["audio"]),
        ({"audio": []}, ["audio"]),
        ({"audio": 5}, ["audio"]),
        ({"audio": "not base64!"}, ["audio"]),
        ({"sample_name": {}}, ["sample_name"]),
        ({"sample_name": "x", "model_id": ""}, ["model_id"]),
        ({"audio": {"url": "ftp://example.com/a.wav"}}, ["audio"]),
        ({"audio": {"uri": "https://example.com/a.wav"}}, ["audio"]),
        ({"audio": ["AAAA", None]}, ["audio"]),
        ({"audio": "AAAA", "on_error": "ignore"}, ["on_error"]),
        ({"sample_name": "x", "speaker": 3, "loudness": 1}, ["loudness", "speaker"]),
        ({"sample_name": "x", "model_save_path": "/etc"}, ["model_save_path"]),
        ({"sample_name": "x", "model_save_path": "gs://bucket"}, ["model_save_path"]),
    ],
)
def test_bad_fields_are_reported_by_name(
    predict: Client, place: dict[str, str], change: dict[str, Any], locations: list[str]
) -> None:
    response = predict.post("/predict", json=place | change)
    assert response.status_code == 422
    assert sorted(error["loc"][0] for error in response.json["errors"]) == locations


def test_metadata_of_the_speaker_is_used_and_validated(
    predict: Client, place: dict[str, str]
) -> None:
    asked = place | {"audio": b64encode(made.sound(made.signal(NAME))).decode()}
    assert predict.post("/predict", json=asked | {"speaker": "03"}).status_code == 200
    response = predict.post("/predict", json=asked | {"speaker": "77", "gender": "robot"})
    assert response.status_code == 422
    assert [error["loc"] for error in response.json["errors"]] == [["speaker"], ["gender"]]
    assert "03" in response.json["errors"][0]["msg"]


def test_a_model_with_altered_bytes_is_refused(
    predict: Client, place: dict[str, str], published: Answer, tmp_path: Path
) -> None:
    copy = Path(place["model_save_path"]).parent / f"altered-{tmp_path.name}"
    shutil.copytree(place["model_save_path"], copy)
    model = copy / published["model_id"] / "model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    asked = place | {"model_save_path": str(copy), "sample_name": published["test_samples"][0]}
    response = predict.post("/predict", json=asked)
    assert response.status_code == 409
    assert "model.onnx" in response.json["detail"]


def test_the_setting_provides_a_missing_model_save_path(
    predict: Client,
    place: dict[str, str],
    published: Answer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", place.pop("model_save_path"))
    asked = place | {"sample_name": published["test_samples"][0]}
    assert predict.post("/predict", json=asked).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_other_media_types_are_refused(predict: Client, content_type: str | None) -> None:
    response = predict.post("/predict", data=b"anything", content_type=content_type)
    assert response.status_code == 415
    assert "multipart/form-data" in response.json["detail"]


def test_an_altered_manifest_is_refused(
    predict: Client, place: dict[str, str], published: Answer, tmp_path: Path
) -> None:
    copy = Path(place["model_save_path"]).parent / f"manifest-{tmp_path.name}"
    shutil.copytree(place["model_save_path"], copy)
    manifest = copy / published["model_id"] / "manifest.json"
    document = json.loads(manifest.read_text())
    del document["samples"]
    manifest.write_text(json.dumps(document))
    asked = place | {"model_save_path": str(copy), "sample_name": "x"}
    response = predict.post("/predict", json=asked)
    assert response.status_code == 409
    assert "manifest" in response.json["detail"]


def test_internal_errors_are_logged_and_hidden_from_the_caller(
    predict: Client,
    place: dict[str, str],
    published: Answer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SER_MAX_BODY_MB", "sixteen")
    asked = place | {"sample_name": published["test_samples"]}
    response = predict.post("/predict", json=asked, headers={"X-Request-Id": "request-7"})
    assert response.status_code == 500
    assert response.mimetype == "application/problem+json"
    assert response.json["instance"] == "request-7"
    assert "sixteen" not in response.text
    assert "SER_MAX_BODY_MB is 'sixteen'" in caplog.text


def test_a_fresh_predict_imports_no_training_library(
    place: dict[str, str], published: Answer
) -> None:
    script = """
import json, sys
import functions_framework
source, body = sys.argv[1:]
client = functions_framework.create_app("predict", source).test_client()
response = client.post("/predict", json=json.loads(body))
assert response.status_code == 200, response.text
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
    asked = place | {"sample_name": published["test_samples"][0]}
    run = subprocess.run(
        [sys.executable, "-c", script, ROOT / "functions/predict/main.py", json.dumps(asked)],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(run.stdout))
    assert {"onnxruntime", "ser"} <= loaded
    assert not loaded & {
        *("tensorflow", "keras", "librosa", "numba", "scipy", "sklearn", "xgboost"),
        *("boto3", "botocore", "onnx", "skl2onnx", "spox", "urllib3"),
    }


def test_health_status_and_description_are_served(predict: Client) -> None:
    for path in ("/healthz", "/predict/healthz"):
        assert predict.get(path).json == {"status": "ok"}
    assert predict.get("/predict/openapi.json").json == predict.get("/openapi.json").json
    endpoints = ["/aliases", "/models", "/predict"]
    assert predict.get("/").json == {"Status": "OK!", "Available Endpoints": endpoints}
    document = predict.get("/openapi.json").json
    assert "required" not in document["components"]["schemas"]["PredictRequest"]
    assert set(document["paths"]) == {
        "/predict",
        "/predict/healthz",
        "/predict/readyz",
        "/predict/{job_id}",
        "/models",
        "/models/{model_id}",
        "/models/{model_id}/model.onnx",
        "/models/{model_id}/report",
        "/aliases",
        "/aliases/{alias}",
    }
    assert predict.delete("/predict").status_code == 405
