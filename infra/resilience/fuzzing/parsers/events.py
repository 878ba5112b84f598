"""Notifications of every sender."""

from __future__ import annotations

import json
from pathlib import Path

from resilience.fuzzing.functions import JSON, FunctionClient, settings
from resilience.fuzzing.mutations import mutate_json
from resilience.fuzzing.parser import Opened, Parser
from stack import ROOT

CLOUD_EVENT = {
    "ce-type": "google.cloud.storage.object.v1.finalized",
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "//storage.googleapis.com/projects/_/buckets/corpora",
}


def payloads() -> list[bytes]:
    """Return the notifications of tests/events, and one of the watched folder."""
    record = {
        "eventName": "ObjectCreated:Put",
        "eventSource": "ser:inbox",
        "s3": {
            "bucket": {"name": "/nowhere"},
            "object": {"key": "a.train.json", "eTag": "0123"},
        },
    }
    files = sorted((ROOT / "tests" / "events").glob("*.json"))
    return [*(file.read_bytes() for file in files), json.dumps({"Records": [record]}).encode()]


def opened(headers: dict[str, str]) -> Opened:
    """Return POST /events, with ``headers`` beside the body."""
    train = FunctionClient("train")

    def read(data: bytes, case: Path) -> None:
        settings(case, SER_JOBS_URI=str(case / "jobs"))
        train.request("POST", "/events", data, headers=JSON | headers)

    return Opened(payloads(), read)


PARSERS = (
    Parser("events", lambda _: opened({}), mutate_json, 6),
    Parser("events with headers of CloudEvents", lambda _: opened(CLOUD_EVENT), mutate_json, 2),
)
