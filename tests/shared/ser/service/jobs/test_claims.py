"""Claims expire, except those of files that are announced again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ser.service.jobs.claims import RETENTION, sweep_claims
from ser.service.jobs.jobs import Jobs


@pytest.mark.parametrize("store", ["folder"], indirect=True)
def test_old_claims_are_removed_unless_their_file_is_still_there(
    jobs: Jobs, clock: Any, tmp_path: Path
) -> None:
    for name in ("kept.zip", "gone.zip"):
        (tmp_path / name).touch()
        trigger = {
            "uri": (tmp_path / name).as_uri(),
            "bucket": str(tmp_path),
            "key": name,
            "version": "",
            "etag": "0f",
        }
        jobs.add(None, job_id=jobs.claim(name), trigger=trigger)
    (tmp_path / "gone.zip").unlink()
    jobs.claim("crashed-before-its-job")
    jobs.store.create("claims/damaged.json", b"\xff")
    before = set(jobs.store.names("claims"))
    # Ids have the real time, not that of the tests' clock.
    clock.now = clock.now.now(clock.now.tzinfo) + RETENTION - timedelta(minutes=1)
    sweep_claims(jobs)
    assert set(jobs.store.names("claims")) == before
    clock.advance(120)
    sweep_claims(jobs)
    assert set(jobs.store.names("claims")) == {"kept.zip.json", "damaged.json"}
