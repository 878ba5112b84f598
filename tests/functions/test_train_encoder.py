"""POST /train with the encoder of a user, a file in the ONNX format."""

from __future__ import annotations

import hashlib
import io
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile

import foreign
import made
from clients import Client
from ser import open_registry

METHODS = "dataset_feature_extract_methods"


@pytest.fixture
def body(train_body: dict[str, Any], bounds: Path) -> dict[str, Any]:
    """A request with an encoder of two outputs and two statistics beside another method."""
    encoder = foreign.waveform_encoder(activation="Gelu", opset=20).SerializeToString()
    (bounds / "encoder.onnx").write_bytes(encoder)
    config = {
        "source": "encoder.onnx",
        "sha256": hashlib.sha256(encoder).hexdigest(),
        "input": "waveform",
        "output": ["layer1", "layer2"],
        "statistics": ["mean", "deviation"],
        "part_seconds": 0.5,
    }
    methods = {"Encoder": config, "Functionals": {}}
    return train_body | {METHODS: methods, "dataset_load_split_at": None}


def refusal(train: Client, body: dict[str, Any], **config: Any) -> tuple[str, str]:
    """Return the location and the message of the only fault of the request with ``config``."""
    encoder = {**body[METHODS]["Encoder"], **config}
    response = train.post("/train", json=body | {METHODS: {"Encoder": encoder}})
    assert response.status_code == 422, response.json
    (error,) = response.json["errors"]
    return ".".join(map(str, error["loc"])), error["msg"]


def test_one_request_trains_on_an_encoder_and_the_model_needs_no_other_file(
    train: Client, predict: Client, body: dict[str, Any], bounds: Path
) -> None:
    answer = train.post("/train", json=body)
    assert answer.status_code == 200, answer.json
    (bounds / "encoder.onnx").unlink()
    model = open_registry(bounds / "model").model(answer.json["model_id"])
    config = model.manifest["request"][METHODS]["Encoder"]
    assert config["source"] == "encoder.onnx"
    assert config["sha256"] == body[METHODS]["Encoder"]["sha256"]

    data = model.read("model.onnx")
    assert b"upper weights" not in data
    file = made.sound(made.signal("03a01Fa.wav"))
    signal, _ = soundfile.read(io.BytesIO(file), dtype="float32")
    session = onnxruntime.InferenceSession(data)
    features, probabilities = session.run(["features", "probabilities"], {"waveform": signal})
    assert np.isfinite(features).all()
    assert features.shape[1] > 4 * foreign.WIDTH
    assert (features[:, : 4 * foreign.WIDTH].std(axis=1) > 0).all()

    form = {"model_save_path": "model", "audio": b64encode(file).decode()}
    judged = predict.post("/predict", json=form)
    assert judged.status_code == 200, judged.json
    (found,) = judged.json["probabilities"]
    np.testing.assert_allclose([*found.values()], probabilities, atol=1e-6)


@pytest.mark.parametrize(
    ("config", "field", "message"),
    [
        ({"source": "missing.onnx"}, "source", "'missing.onnx' does not exist"),
        ({"source": "../encoder.onnx"}, "source", "SER_ALLOWED_PATHS"),
        ({"source": "https://host/encoder.onnx", "sha256": None}, "sha256", "missing"),
        ({"output": []}, "output", "allowed: 1 to 16"),
    ],
)
def test_a_wrong_place_is_refused_when_the_request_is_read(
    train: Client,
    body: dict[str, Any],
    config: dict[str, Any],
    field: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ser.service.training.process.train_in_process", None)
    location, text = refusal(train, body, **config)
    assert location == f"{METHODS}.Encoder.{field}"
    assert message in text


def test_a_file_that_reads_another_one_is_refused_before_the_corpus_is_fetched(
    train: Client, body: dict[str, Any], bounds: Path
) -> None:
    (bounds / "secret").write_bytes(bytes(4 * foreign.WIDTH**2))
    model = foreign.waveform_encoder()
    tensor = next(each for each in model.graph.initializer if each.name == "matrix")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    (bounds / "encoder.onnx").write_bytes(model.SerializeToString())
    location, text = refusal(train, body, sha256=None)
    assert location == f"{METHODS}.Encoder.source"
    assert "in another file ('secret')" in text
    assert not (bounds / "data").exists()


def test_an_unknown_output_is_refused_before_the_corpus_is_fetched(
    train: Client, body: dict[str, Any], bounds: Path
) -> None:
    location, text = refusal(train, body, output="layer3")
    assert location == f"{METHODS}.Encoder.output"
    assert "layer2" in text
    assert not (bounds / "data").exists()
