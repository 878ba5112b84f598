"""Trainings with a pretrained encoder: its place, and what the model and its report say of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import msgspec
import onnx
import pytest

import graphs
import made
import ser
from ser.encoders import ENCODERS, KNOWN, KnownEncoder
from ser.errors import InvalidInput, RemoteFailed
from ser.service.settings import Settings, SettingsError
from ser.service.training.execution import execute
from ser.service.training.request import encoder_sources, read_train_request
from whispers import put, random_whisper, safetensors_file

FILE = safetensors_file(random_whisper(layers=1, positions=250))
NAME = "whisper-tiny"
METHODS: dict[str, dict[str, Any]] = {"Encoder": {"source": NAME, "output": "layer1"}}
SIGNAL = made.signal("03a01Wa.wav")
ORIGIN = "https://huggingface.co/openai/random"


@pytest.fixture
def encoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small encoder in place of Whisper-tiny, in a world without a hub."""
    known = KnownEncoder("openai/random", "a" * 40, hashlib.sha256(FILE).hexdigest())
    monkeypatch.setitem(KNOWN, NAME, known)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return put(tmp_path / "encoders", f"{NAME}.safetensors", FILE)


def test_a_model_and_its_report_name_the_origin_of_the_encoder(
    corpus_zip: Path, encoders: Path
) -> None:
    trained = ser.train(
        corpus_zip,
        registry="model",
        dataset_feature_extract_methods=METHODS,
        dataset_augmentation={},
        encoders=encoders,
    )
    folder = Path("model", trained["model_id"])
    metadata = {e.key: e.value for e in onnx.load(folder / "model.onnx").metadata_props}
    origin = msgspec.json.decode(metadata["encoders"])["Encoder"]
    assert (origin["origin"], origin["revision"]) == (ORIGIN, "a" * 40)
    assert (origin["licence"], len(origin["digest"])) == ("MIT", 64)
    assert msgspec.json.decode((folder / "manifest.json").read_bytes())["encoders"] == {
        "Encoder": origin
    }
    report = (folder / "report.html").read_text()
    for value in ("Weights of Encoder", *origin.values()):
        assert value in report
    assert "encoders" not in trained
    model = ser.load_model("latest", registry="model")
    assert model.predict(SIGNAL, 16_000).probabilities.array.sum() > 0.99


def test_models_without_an_encoder_are_read_with_and_without_the_property() -> None:
    file = onnx.load_from_string(graphs.model())
    assert {e.key: e.value for e in file.metadata_props}["encoders"] == "{}"
    kept = [entry for entry in file.metadata_props if entry.key != "encoders"]
    del file.metadata_props[:]
    file.metadata_props.extend(kept)
    assert ser.Model(file.SerializeToString()).labels


def test_features_of_sounds_use_the_folder_of_encoders(encoders: Path) -> None:
    features = ser.features(SIGNAL, METHODS, sampling_rate=16_000, encoders=encoders)
    assert features.array.shape == (1, 64)
    assert features.names[0] == "Encoder.layer1.mean.0"


@pytest.mark.parametrize("folder", ["missing", 3])
def test_a_folder_that_is_none_is_refused(corpus_zip: Path, folder: Any) -> None:
    for action in (
        lambda: ser.evaluate(corpus_zip, encoders=folder),
        lambda: ser.train(corpus_zip, encoders=folder),
        lambda: ser.features([], encoders=folder),
    ):
        with pytest.raises(InvalidInput, match=f"encoders: '{folder}' .* allowed: a folder"):
            action()


def test_the_service_takes_the_folder_from_its_settings(
    corpus_zip: Path, encoders: Path, bounds: Path
) -> None:
    settings = Settings.from_environment(
        {"SER_ENCODERS": str(encoders), "SER_ALLOWED_PATHS": f"{bounds}:{corpus_zip.parent}"}
    )
    body = {
        "data_path": "data",
        "remote_url": str(corpus_zip),
        "model_save_path": "model",
        "model_type": "DiscriminantClassifier",
        "dataset_augmentation": {},
    }
    methods = {"Encoder": {"source": "whisper-small"}}
    request = read_train_request(body | {"dataset_feature_extract_methods": methods}, settings)
    with pytest.raises(RemoteFailed) as raised:
        execute(request, settings)
    for part in (
        "The weights of whisper-small cannot be had",
        f"the folder {encoders}: neither whisper-small.safetensors",
        "openai/whisper-small on the hub: ",
        "in the folder that SER_ENCODERS names",
    ):
        assert part in raised.value.detail
    assert not Path("model").exists()


def test_a_setting_that_names_no_folder_is_refused() -> None:
    assert encoder_sources(Settings.from_environment({})).folder is ENCODERS.folder is None
    with pytest.raises(SettingsError, match=r"SER_ENCODERS is '/nowhere'; allowed: a folder"):
        Settings.from_environment({"SER_ENCODERS": "/nowhere"})
