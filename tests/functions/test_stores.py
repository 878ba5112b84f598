"""Trainings and predictions with stores that lack a part of S3's protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

import buckets
from applications import served
from clients import Client, Response

BUCKET = "ser_models"
"""Cloud Storage allows underscores in names of buckets."""


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> Iterable[str]:
    """Address of a registry in a store without conditional writes, as that of Backblaze B2."""
    s3 = DomainDispatcherApplication(create_backend_app)

    def unconditional(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not {"HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH"} & environ.keys():
            return list(s3(environ, start_response))
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response("501 Not Implemented", [("Content-Type", "application/xml")])
        return [b"<Error><Code>NotImplemented</Code></Error>"]

    with served(unconditional) as address:
        for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield f"s3://{BUCKET}/models"


def test_a_store_without_conditional_writes_keeps_models_with_a_note(
    train: Client, predict: Client, train_body: dict[str, Any], models: str
) -> None:
    created, moved = (
        train.post("/train", json=train_body | {"model_save_path": models}) for _ in range(2)
    )
    assert [created.status_code, moved.status_code] == [200, 200], created.text + moved.text
    assert lacks(created) == lacks(moved) == ["creation", "replacement"]
    sample = {"model_id": "latest", "sample_name": moved.json["test_samples"][0]}
    answer = predict.post("/predict", json=sample | {"model_save_path": models})
    assert answer.status_code == 200, answer.text
    assert answer.json["model_id"] == moved.json["model_id"]


def lacks(answer: Response) -> list[str]:
    """Return the guarantees that the store lacks according to the notes of ``answer``."""
    return [
        found[1]
        for note in answer.json["notes"]
        if (found := re.match(rf"s3://{BUCKET}/models has no conditional (\w+) \(", note))
    ]
