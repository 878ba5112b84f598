"""``make audit``, with a service of advisories on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response, jsonify, request

from applications import served
from deployment.audit import audit, main

NOWHERE = "http://127.0.0.1:9/v1/query"
"""The port of the discard service, where no server listens."""


@pytest.fixture
def advisories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The address of a service that knows one vulnerability, of numpy 2.4.6."""
    app = Flask("osv")

    @app.post("/v1/query")
    def query() -> Response:
        asked = request.get_json(force=True)
        if asked["package"]["name"] != "numpy":
            return jsonify({})
        fixed = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}
        affected = {"package": asked["package"], "ranges": [fixed]}
        vulnerability = {"id": "GHSA-0000-0000-0000", "published": "2026-01-01T00:00:00Z"}
        return jsonify({"vulns": [vulnerability | {"affected": [affected]}]})

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with served(app) as address:
        yield f"{address}/v1/query"


def lock_of(folder: Path, *requirements: str) -> Path:
    """Write a lock with hashes."""
    path = folder / "requirements.txt"
    path.write_text("".join(f"{each} --hash=sha256:{'0' * 64}\n" for each in requirements))
    return path


def test_a_known_vulnerability_is_found(tmp_path: Path, advisories: str) -> None:
    lock = lock_of(tmp_path, "numpy==2.4.6", "msgspec==0.21.1")
    found = audit(lock, advisories)
    assert found is not None
    assert [str(each) for each in found] == ["numpy 2.4.6: GHSA-0000-0000-0000, fixed in 99.0"]


def test_without_a_service_the_audit_is_skipped_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADVISORIES", NOWHERE)
    assert main() == 0
    assert f"Skipped: pip-audit, since {NOWHERE} does not answer." in capsys.readouterr().out
