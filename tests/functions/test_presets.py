"""The field ``preset`` of POST /train, and the preset of corpora that arrive by themselves."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

import made
import weights
from clients import Client
from ser.encoders import EncoderSources
from ser.registry import open_registry


@pytest.fixture
def body(train_body: dict[str, Any]) -> dict[str, Any]:
    """The places of a request."""
    return {name: train_body[name] for name in ("data_path", "remote_url", "model_save_path")}


def refused(client: Client, body: dict[str, Any]) -> dict[str, str]:
    """Return the messages by field of the problem that refuses ``body``."""
    response = client.post("/train", json=body)
    assert response.status_code == 422
    return {error["loc"][0]: error["msg"] for error in response.json["errors"]}


def test_a_preset_stands_for_the_fields_that_are_not_given(
    train: Client, body: dict[str, Any]
) -> None:
    given = {"dataset_augmentation": "{}", "model_config": '{"limit": 2}'}
    response = train.post("/train", json=body | {"preset": "light"} | given)
    assert response.status_code == 200, response.text
    request = open_registry("model").model("latest").manifest["request"]
    assert (request["preset"], request["model_type"]) == ("light", "DiscriminantClassifier")
    assert list(request["dataset_feature_extract_methods"]) == ["Functionals"]
    assert (request["dataset_augmentation"], request["model_config"]) == ({}, {"limit": 2.0})
    assert open_registry("model").show("latest").preset == "light"


def test_without_a_preset_and_a_type_both_are_named(train: Client, body: dict[str, Any]) -> None:
    assert set(refused(train, body)) == {"preset", "model_type"}


def test_a_preset_with_another_type_is_refused(train: Client, body: dict[str, Any]) -> None:
    found = refused(train, body | {"preset": "accurate", "model_type": "XGBoostClassifier"})
    assert list(found) == ["model_type"]
    assert "XGBoostClassifier" in found["model_type"]
    assert "accurate" in found["model_type"]


def test_without_weights_accurate_is_refused_and_never_replaced(
    train: Client, body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncoderSources, "check", weights.refuse)
    found = refused(train, body | {"preset": "accurate"})
    assert list(found) == ["preset"]
    assert "install the weights" in found["preset"]
    assert "'light'" in found["preset"]
    monkeypatch.setenv("SER_JOBS_URI", "jobs")
    headers = {"Prefer": "respond-async"}
    response = train.post("/train", json=body | {"preset": "accurate"}, headers=headers)
    assert response.status_code == 422
    assert sorted(path.name for path in bounds.iterdir()) == ["corpus.zip"]


def arrive(client: Client, corpus: Path) -> dict[str, Any]:
    """Announce the arrival of ``corpus``; return its job."""
    tag = hashlib.sha256(corpus.read_bytes()).hexdigest()
    place = {"bucket": {"name": str(corpus.parent)}, "object": {"key": corpus.name, "eTag": tag}}
    record = {"eventName": "ObjectCreated:Put", "eventSource": "ser:inbox", "s3": place}
    (job,) = client.post("/events", json={"Records": [record]}).json["jobs"]
    found: dict[str, Any] = client.get(f"/train/{job['job_id']}").json
    return found


def test_a_corpus_that_arrives_has_the_preset_accurate_unless_the_defaults_name_another(
    train: Client, corpus_zip: Path, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncoderSources, "check", weights.refuse)
    monkeypatch.setenv("SER_JOBS_URI", "jobs")
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", "model")
    corpus = bounds / "inbox" / "corpus.zip"
    monkeypatch.setenv("SER_INBOX", str(corpus.parent))
    corpus.parent.mkdir()
    corpus.write_bytes(corpus_zip.read_bytes())
    failed = arrive(train, corpus)
    assert failed["status"] == "failed"
    assert [error["loc"] for error in failed["problem"]["errors"]] == [["preset"]]
    assert "'accurate'" in failed["problem"]["detail"]
    # The preset fits now, and the training refuses the corpus.
    monkeypatch.setenv("SER_TRAIN_DEFAULTS", '{"data_path": "data", "preset": "light"}')
    other = made.archive(corpus.with_name("other.zip"), {"notes.txt": b"no sound"})
    failed = arrive(train, other)
    assert [error["loc"] for error in failed["problem"]["errors"]] == [["remote_url"]]
    assert failed["request"]["preset"] == "light"
