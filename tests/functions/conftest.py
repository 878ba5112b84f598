"""Clients of the functions, a valid request, and a published model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clients import Client, client_of


@pytest.fixture
def train() -> Client:
    return client_of("train")


@pytest.fixture
def predict() -> Client:
    return client_of("predict")


@pytest.fixture
def train_body(bounds: Path, corpus_zip: Path) -> dict[str, Any]:
    """A valid request with the fastest training."""
    (bounds / "corpus.zip").write_bytes(corpus_zip.read_bytes())
    return {
        "data_path": "data",
        "remote_url": "corpus.zip",
        "model_save_path": "model",
        "model_type": "RandomForestClassifier",
        "model_config": {"n_estimators": 10},
        "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 5}},
    }


@pytest.fixture(scope="session")
def published(corpus_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answer of a training, with ``model_save_path``; made once and only read."""
    from ser.service.settings import Settings
    from ser.service.training.execution import execute
    from ser.service.training.request import read_train_request

    folder = tmp_path_factory.mktemp("published")
    settings = Settings(allowed_paths=(folder, corpus_zip.parent))
    body = {
        "data_path": str(folder / "data"),
        "remote_url": str(corpus_zip),
        "model_save_path": str(folder / "model"),
        "model_type": "RandomForestClassifier",
        "model_config": {"n_estimators": 10},
    }
    answer = execute(read_train_request(body, settings), settings)
    return {**answer, "model_save_path": str(folder / "model")}
