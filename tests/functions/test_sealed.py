"""Hostile models and unsigned ones over HTTP, and the settings that concern them."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import graphs
import hostile
import made
from hostile import changed
from ser.registry import ModelKey, open_registry
from ser.service.settings import Settings, SettingsError
from ser.service.training.execution import execute
from ser.service.training.request import read_train_request

KEY = "ab" * 32
SOUND = b64encode(made.sound(made.signal("03a01Wa.wav"))).decode()


def ask(predict: Any, model_id: str) -> Any:
    body = {"model_id": model_id, "model_save_path": "model", "audio": SOUND}
    return predict.post("/predict", json=body)


@pytest.mark.parametrize(
    "attack",
    [
        hostile.READING,
        hostile.memory(600_000_000),
        hostile.with_tree(hostile.chain(20_000)),
        hostile.with_property("sampling_rate", "0"),
    ],
    ids=["file", "memory", "tree", "property"],
)
def test_a_hostile_model_is_a_conflict(predict: Any, bounds: Path, attack: hostile.Change) -> None:
    (bounds / "secret").write_bytes(bytes(12))
    response = ask(predict, graphs.publish(bounds / "model", changed(attack)))
    assert response.status_code == 409
    assert response.json["type"] == "urn:ser:problem:conflict"


def test_the_setting_of_a_limit_is_named(
    predict: Any, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = graphs.publish(bounds / "model", changed(hostile.memory(10**8)))
    assert "SER_MAX_RUN_MB" in ask(predict, model_id).json["detail"]
    monkeypatch.setenv("SER_MAX_MODEL_MB", "0.001")
    assert "SER_MAX_MODEL_MB" in ask(predict, model_id).json["detail"]


def test_with_a_key_only_signed_models_answer_also_those_in_memory(
    predict: Any, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsigned = graphs.publish(bounds / "model", graphs.model())
    assert ask(predict, unsigned).status_code == 200
    monkeypatch.setenv("SER_MODEL_KEY", KEY)
    response = ask(predict, unsigned)
    assert response.status_code == 409
    assert response.json["type"] == "urn:ser:problem:altered-model"
    assert "is not signed" in response.json["detail"]
    report = predict.get(f"/models/{unsigned}/report?model_save_path=model")
    assert report.status_code == 409


def test_a_training_signs_its_model(
    predict: Any, train_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MODEL_KEY", KEY)
    settings = Settings.from_environment()
    trained = execute(read_train_request(train_body, settings), settings)
    assert ask(predict, trained["model_id"]).status_code == 200
    assert open_registry("model", key=KEY).model("latest").model_id == trained["model_id"]


@pytest.mark.parametrize("key", ["secret words", "ab" * 31, "/nowhere"])
def test_a_bad_key_is_refused_by_the_name_of_its_setting_alone(key: str) -> None:
    with pytest.raises(SettingsError, match=r"SER_MODEL_KEY: .*allowed: 32 bytes or more") as error:
        Settings.from_environment({"SER_MODEL_KEY": key})
    assert key not in str(error.value)


def test_a_key_is_read_from_a_file_and_not_shown(bounds: Path) -> None:
    (bounds / "key").write_text(KEY)
    settings = Settings.from_environment({"SER_MODEL_KEY": str(bounds / "key")})
    assert settings.model_key == ModelKey.of(KEY)
    assert KEY not in repr(settings)
    assert repr(ModelKey.of(KEY).secret) not in repr(settings)


def test_the_memory_of_a_model_follows_from_the_longest_sound() -> None:
    sizes = [
        Settings.from_environment({"SER_MAX_AUDIO_SECONDS": seconds}).max_run_bytes
        for seconds in ("1", "600", "1200")
    ]
    assert sizes == [128_000_000, 230_400_000, 460_800_000]
    assert Settings.from_environment({}).max_run_bytes == Settings().max_run_bytes == sizes[1]
