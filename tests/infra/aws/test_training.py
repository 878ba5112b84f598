"""The functions with their deployed settings and permissions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from applied import BUCKET, Deployment
from clients import Client, client_of


@contextmanager
def acting(deployed: Deployment, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Yield a client of a function with its deployed settings and permissions, and no others."""
    configuration = deployed.function(name)["Configuration"]
    settings = configuration["Environment"]["Variables"]
    credentials = deployed.cloud.credentials(configuration["Role"])
    with monkeypatch.context() as patch, deployed.cloud.guarded():
        for each in ({**deployed.cloud.environment, **credentials, **settings}).items():
            patch.setenv(*each)
        yield client_of(name)


def announcement(deployed: Deployment, key: str) -> dict[str, Any]:
    """Return the notification of S3 for a new object."""
    about = deployed.client("s3").head_object(Bucket=BUCKET, Key=key)
    version = {"eTag": about["ETag"].strip('"'), "versionId": about["VersionId"]}
    place = {"bucket": {"name": BUCKET}, "object": {"key": quote_plus(key), **version}}
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": place}]}


def test_training_and_prediction_work_with_the_deployed_settings_and_permissions(
    deployed: Deployment, open_bucket: Any, monkeypatch: pytest.MonkeyPatch, corpus_zip: Path
) -> None:
    s3 = open_bucket
    s3.put_object(Bucket=BUCKET, Key="corpora/small.zip", Body=corpus_zip.read_bytes())
    s3.put_object(Bucket=BUCKET, Key="inbox/odd.train.json", Body=b"[]")
    _, headers = deployed.routes()["POST /train"]
    with tempfile.TemporaryDirectory(dir="/tmp") as data_path:
        request = {
            "data_path": data_path,
            "remote_url": f"s3://{BUCKET}/corpora/small.zip",
            "model_type": "RandomForestClassifier",
            "model_config": {"n_estimators": 5},
        }
        with acting(deployed, "train", monkeypatch) as train:
            accepted = train.post("/train", json=request, headers=headers)
            assert accepted.status_code == 202
        job_id = accepted.json["job_id"]
        handed_over = announcement(deployed, f"jobs/requests/{job_id}.train.json")
        odd = announcement(deployed, "inbox/odd.train.json")
        with acting(deployed, "train", monkeypatch) as train:
            assert train.post("/events", json=odd).json["jobs"][0]["status"] == "failed"
            assert train.post("/events", json=handed_over).status_code == 200
            assert len(train.get("/train").json["jobs"]) == 2
            job = train.get(f"/train/{job_id}").json
            assert job["status"] == "succeeded", job
    with acting(deployed, "predict", monkeypatch) as predict:
        asked = {"model_id": "latest", "sample_name": job["result"]["test_samples"][0]}
        answer = predict.post("/predict", json=asked)
        assert answer.status_code == 200
        assert answer.json["model_id"] == job_id
        assert predict.get(f"/models/{job_id}/report").status_code == 200
        later = predict.post("/predict", json=asked, headers={"Prefer": "respond-async"})
        assert later.status_code == 202
        prediction = later.json["job_id"]
    handed_over = announcement(deployed, f"jobs/requests/{prediction}.predict.json")
    with acting(deployed, "train", monkeypatch) as train:
        assert train.post("/events", json=handed_over).status_code == 200
    with acting(deployed, "predict", monkeypatch) as predict:
        assert predict.get(later.headers["Location"]).json["result"] == answer.json
        unknown = predict.post("/predict", json={**asked, "model_id": "unknown"})
        assert unknown.status_code == 404
        assert "its aliases: latest" in unknown.json["detail"]
