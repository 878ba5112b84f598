"""Models by their address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import graphs
import ser
from ser.errors import AlteredModel, Conflict, InvalidInput, NotFound
from ser.registry import PublishedModel

GRAPH = graphs.model()


@pytest.fixture
def model_id(tmp_path: Path) -> str:
    """The id of a model in the registry ``model``, to which ``latest`` points."""
    model_id = graphs.publish(tmp_path / "model", GRAPH)
    ser.open_registry(tmp_path / "model").move("latest", model_id)
    return model_id


def test_a_model_is_loaded_by_its_name_in_a_registry(model_id: str, tmp_path: Path) -> None:
    for name in (model_id, "latest"):
        for registry in ("model", tmp_path / "model", f"file://{tmp_path}/model"):
            model = ser.load_model(name, registry=registry)
            assert isinstance(model, PublishedModel)
            assert model.model_id == model_id


def test_a_model_is_loaded_by_one_address(model_id: str, tmp_path: Path) -> None:
    for address in (
        *("model/latest", f"model/{model_id}", f"model/{model_id}/", Path("model", "latest")),
        *(f"{tmp_path}/model/latest", f"file://{tmp_path}/model/latest"),
    ):
        model = ser.load_model(address)
        assert isinstance(model, PublishedModel)
        assert model.model_id == model_id


def test_a_model_is_loaded_from_a_file(model_id: str) -> None:
    Path("best.onnx").write_bytes(GRAPH)
    for address in ("best.onnx", Path("best.onnx"), f"model/{model_id}/model.onnx"):
        model = ser.load_model(address)
        assert type(model) is ser.Model
        assert model.labels == graphs.LABELS


def test_the_folder_of_a_model_may_be_copied_and_is_verified(model_id: str, tmp_path: Path) -> None:
    copy = Path("model", model_id).rename("copy of a model")
    model = ser.load_model(copy)
    assert isinstance(model, PublishedModel)
    assert model.model_id == model_id
    (copy / "model.onnx").write_bytes(GRAPH + b"\0")
    with pytest.raises(AlteredModel, match="not as it was published"):
        ser.load_model(copy)


def test_a_model_on_s3_is_loaded_by_its_address(
    bucket: str, s3_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AWS_ENDPOINT_URL", s3_address),
        ("AWS_ACCESS_KEY_ID", "test-key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    uri: Any = f"s3://{bucket}/models"
    model_id = graphs.publish(uri, GRAPH)
    ser.open_registry(uri).move("production", model_id)
    model = ser.load_model(f"{uri}/production")
    assert isinstance(model, PublishedModel)
    assert model.model_id == model_id
    assert type(ser.load_model(f"{uri}/{model_id}/model.onnx")) is ser.Model
    with pytest.raises(NotFound, match=r"'best'.*its aliases: production"):
        ser.load_model(f"{uri}/best")
    with pytest.raises(NotFound, match=r"no file 'other\.onnx' in s3://"):
        ser.load_model(f"{uri}/other.onnx")
    with pytest.raises(NotFound, match="There is no model 's3://bucket'"):
        ser.load_model("s3://bucket")


def test_an_unknown_name_is_not_found_and_the_error_says_what_exists(model_id: str) -> None:
    with pytest.raises(NotFound, match=r"no model or alias 'best' in .*; its aliases: latest"):
        ser.load_model("best", registry="model")
    with pytest.raises(NotFound, match=r"no model or alias 'best' in .*; its aliases: latest"):
        ser.load_model("model/best")
    with pytest.raises(NotFound, match=r"There is no model 'latest'; allowed: .*registry="):
        ser.load_model("latest")
    with pytest.raises(NotFound, match=r"no file 'model\.onnx' in "):
        ser.load_model("models/model.onnx")


def test_a_file_that_is_not_a_model_is_refused() -> None:
    Path("notes.txt").write_text("no model")
    with pytest.raises(Conflict, match="This version of ser cannot read the model"):
        ser.load_model("notes.txt")


def test_unsupported_addresses_are_refused() -> None:
    with pytest.raises(InvalidInput, match="https://"):
        ser.load_model("https://example.org/models/latest")
    with pytest.raises(InvalidInput, match="cannot be read"):
        ser.load_model("file://elsewhere/model")


def test_a_model_is_loaded_by_its_name_in_an_open_registry(model_id: str) -> None:
    model = ser.load_model("latest", registry=ser.open_registry("model"))
    assert isinstance(model, PublishedModel)
    assert model.model_id == model_id
