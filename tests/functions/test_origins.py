"""Requests of web pages of other origins."""

from __future__ import annotations

from typing import Any

import pytest

from clients import Client, client_of

APP = "https://app.example"
PREFLIGHT = {
    "Origin": APP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type",
}
PATHS = {
    "train": ("/", "/train", "/train/a-job", "/events", "/train/healthz", "/openapi.json"),
    "predict": ("/", "/predict", "/models/latest/report", "/healthz", "/predict/openapi.json"),
}


def options(client: Client, path: str, headers: dict[str, str]) -> Any:
    return client.open(path, method="OPTIONS", headers=headers)


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name, paths in PATHS.items() for path in paths]
)
def test_every_route_answers_a_preflight_of_an_allowed_origin(
    monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.setenv("SER_ALLOWED_ORIGINS", f"http://localhost:3000, {APP}")
    answer = options(client_of(name), path, PREFLIGHT)
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["Access-Control-Allow-Methods"] == answer.headers["Allow"]
    assert {"OPTIONS"} < set(answer.headers["Allow"].split(", "))
    for header in ("Content-Type", "Prefer", "Authorization"):
        assert header in answer.headers["Access-Control-Allow-Headers"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert "Origin" in answer.headers["Vary"]


def test_answers_and_problems_can_be_read_by_an_allowed_origin(
    predict: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_ALLOWED_ORIGINS", APP)
    for response in (
        predict.get("/healthz", headers={"Origin": APP}),
        predict.get("/nowhere", headers={"Origin": APP}),
        predict.post("/predict", json={"colour": "red"}, headers={"Origin": APP}),
        predict.post("/predict", data=b"text", headers={"Origin": APP}),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == APP
        assert "Location" in response.headers["Access-Control-Expose-Headers"]
        assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]
        assert response.headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("setting", "origin"),
    [
        ("", APP),
        (APP, "https://app.example.evil"),
        (APP, "http://app.example"),
        (APP, "https://app.example:8443"),
        (APP, "null"),
    ],
)
def test_other_origins_and_the_default_get_no_permission(
    predict: Client, monkeypatch: pytest.MonkeyPatch, setting: str, origin: str
) -> None:
    monkeypatch.setenv("SER_ALLOWED_ORIGINS", setting)
    headers = PREFLIGHT | {"Origin": origin}
    for response in (
        options(predict, "/predict", headers),
        predict.get("/healthz", headers={"Origin": origin}),
    ):
        assert not [name for name, _ in response.headers if name.startswith("Access-Control")]
        assert ("Vary" in response.headers) == bool(setting)


def test_a_star_allows_every_origin(predict: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SER_ALLOWED_ORIGINS", "*")
    for origin in (APP, "null"):
        answer = options(predict, "/predict", PREFLIGHT | {"Origin": origin})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    without = predict.get("/healthz")
    assert "Access-Control-Allow-Origin" not in without.headers


@pytest.mark.parametrize("origin", ["app.example", "https://app.example/", "https://*/x", "null"])
def test_a_setting_that_no_origin_can_match_is_an_error_of_the_operator(
    predict: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    origin: str,
) -> None:
    monkeypatch.setenv("SER_ALLOWED_ORIGINS", origin)
    assert predict.get("/healthz").status_code == 500
    assert f"SER_ALLOWED_ORIGINS has {origin!r}" in caplog.text


def test_an_unknown_path_has_no_options(predict: Client) -> None:
    assert options(predict, "/nowhere", {}).status_code == 404
    assert options(predict, "/predict", {}).headers["Allow"] == "OPTIONS, POST"
