"""Jobs in a folder and in a bucket, and a clock that the tests set."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

import buckets
from ser.service.jobs.jobs import Jobs
from ser.service.jobs.trainings import Trainings
from ser.store import Store, open_store


class Clock:
    """A clock that advances only by :meth:`advance`."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    with buckets.s3() as address:
        yield address


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "folder":
        return open_store(tmp_path / "state")
    address = request.getfixturevalue("s3_address")
    for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4()}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return open_store(f"s3://{bucket}/state")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jobs(store: Store, clock: Clock) -> Jobs:
    return Jobs(store, Trainings(), lease_seconds=30, max_attempts=3, clock=clock)
