"""A corpus that is copied into the inbox of the local stack becomes a model."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import made
from stacks import Client, serving

DEFAULTS = {"model_type": "RandomForestClassifier", "model_config": {"n_estimators": 5}}
TIMEOUT_SECONDS = 300


def newest_job(client: Client) -> dict[str, Any] | None:
    jobs: list[dict[str, Any]] = client.get("/train").body["jobs"]
    return jobs[0] if jobs else None


def test_a_corpus_copied_into_the_inbox_becomes_the_latest_model(bounds: Path) -> None:
    inbox = bounds / "inbox"
    inbox.mkdir()
    settings = {
        "SER_ALLOWED_PATHS": str(bounds),
        "SER_INBOX": str(inbox),
        "SER_JOBS_URI": str(bounds / "jobs"),
        "SER_MODEL_SAVE_PATH": str(bounds / "model"),
        "SER_TRAIN_DEFAULTS": json.dumps({**DEFAULTS, "data_path": str(bounds / "data")}),
    }
    corpus = made.corpus(bounds / "corpus.zip")
    seen = set()
    with serving(**settings) as client:
        shutil.copy(corpus, inbox / "emodb.zip")
        end = time.monotonic() + TIMEOUT_SECONDS
        while (job := newest_job(client)) is None or job["status"] in ("queued", "running"):
            assert time.monotonic() < end, job
            seen.add(job and job["status"])
            time.sleep(0.1)
        assert job["status"] == "succeeded", job
        # Clients could follow its progress.
        assert "running" in seen
        finished = client.get(f"/train/{job['job_id']}").body
        question = {"model_id": "latest", "sample_name": finished["result"]["test_samples"][0]}
        predicted = client.post("/predict", question)
        assert predicted.status == 200
        assert predicted.body["model_id"] == finished["result"]["model_id"]
    assert len(list((bounds / "model").glob("*/manifest.json"))) == 1
