"""GET /models/<model_id>/report through functions-framework."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser.registry import new_model_id, open_registry

PAGE = "<!doctype html><title>Ärger</title>".encode()


class Reported(NamedTuple):
    """A registry with two models, one of them with a report."""

    folder: Path
    model_id: str
    without_report: str

    def path(self, name: str) -> str:
        return f"/models/{name}/report?model_save_path={self.folder}"


@pytest.fixture
def reported(bounds: Path) -> Reported:
    registry = open_registry(bounds / "model")
    with_report, without_report = new_model_id(), new_model_id()
    registry.publish(with_report, {"model.onnx": b"", "report.html": PAGE}, {})
    registry.publish(without_report, {"model.onnx": b""}, {})
    registry.move("production", with_report)
    return Reported(bounds / "model", with_report, without_report)


def test_every_training_publishes_a_report(
    predict: Any, published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_ALLOWED_PATHS", published["model_save_path"])
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", published["model_save_path"])
    page = predict.get(f"/models/{published['model_id']}/report").text
    assert published["model_id"] in page
    assert f"{published['metrics']['uar']:.3f}" in page


def test_a_browser_may_display_a_report_and_nothing_else(predict: Any, reported: Reported) -> None:
    response = predict.get(reported.path(reported.model_id))
    assert response.status_code == 200
    assert response.data == PAGE
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert set(response.headers["Content-Security-Policy"].split("; ")) == {
        *("default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "sandbox"),
        *("media-src data:",),
        *("form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"),
    }


FOREIGN = (
    "<script>alert(1)</script>",
    '<form action="https://example.org"><input name="password"></form>',
    '<meta http-equiv="refresh" content="0; url=https://example.org">',
    '<a href="https://example.org">Log in</a>',
    '<p onclick="alert(1)">',
    '<svg><use xlink:href="https://example.org/x.svg#x"/></svg>',
    '<image xlink:href="data:text/html;base64,AAAA"/>',
    '<audio controls="controls" src="https://example.org/x.mp3"></audio>',
    '<audio src="data:text/html;base64,AAAA"></audio>',
    "<p <script>",
    "<!-- a comment -->",
    "<iframe>",
    "\x3c",
)


@pytest.mark.parametrize("part", FOREIGN)
def test_a_page_that_is_not_a_report_is_not_served(
    predict: Any, reported: Reported, part: str
) -> None:
    registry, model_id = open_registry(reported.folder), new_model_id()
    registry.publish(model_id, {"model.onnx": b"", "report.html": PAGE + part.encode()}, {})
    response = predict.get(reported.path(model_id))
    assert response.status_code == 409
    assert "was not made by ser" in response.json["detail"]


@pytest.mark.parametrize("page", [b"\xff", b" " * 10_000_001], ids=["bad UTF-8", "too large"])
def test_a_report_that_is_no_text_or_too_large_is_not_served(
    predict: Any, reported: Reported, page: bytes
) -> None:
    model_id = new_model_id()
    open_registry(reported.folder).publish(model_id, {"model.onnx": b"", "report.html": page}, {})
    response = predict.get(reported.path(model_id))
    assert response.status_code == 409
    assert "allowed" in response.json["detail"] or "made by ser" in response.json["detail"]


def test_a_report_is_cacheable_by_id_but_not_by_alias(predict: Any, reported: Reported) -> None:
    by_id = predict.get(reported.path(reported.model_id))
    by_alias = predict.get(reported.path("production"))
    assert by_alias.data == by_id.data
    assert by_id.headers["Cache-Control"] == "max-age=31536000, immutable"
    assert by_alias.headers["Cache-Control"] == "no-cache"


def test_the_setting_provides_a_missing_registry(
    predict: Any, reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(reported.folder))
    assert predict.get(f"/models/{reported.model_id}/report").data == PAGE
    assert predict.get("/models/production/report/").data == PAGE


def test_head_has_the_headers_of_get(predict: Any, reported: Reported) -> None:
    path = reported.path(reported.model_id)
    response = predict.head(path)
    assert response.data == b""
    for name in ("Content-Type", "Content-Length", "Cache-Control"):
        assert response.headers[name] == predict.get(path).headers[name]


@pytest.mark.parametrize("name", ["20200101T000000Z-00000000", "staging", "..", "Ärger", "<b>"])
def test_a_missing_model_is_reported_by_name(predict: Any, reported: Reported, name: str) -> None:
    response = predict.get(reported.path(quote(name)))
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert repr(name) in response.json["detail"]
    assert "production" in response.json["detail"]


def test_a_missing_report_is_reported(predict: Any, reported: Reported) -> None:
    response = predict.get(reported.path(reported.without_report))
    assert response.status_code == 404
    detail = f"Model {reported.without_report} was published without a report."
    assert response.json["detail"] == detail


def test_an_altered_report_is_refused(predict: Any, reported: Reported) -> None:
    (reported.folder / reported.model_id / "report.html").write_bytes(PAGE.upper())
    response = predict.get(reported.path(reported.model_id))
    assert response.status_code == 409
    assert "report.html" in response.json["detail"]


@pytest.mark.parametrize(
    ("query", "locations"),
    [
        ("", ["model_save_path"]),
        ("model_save_path=/etc", ["model_save_path"]),
        ("model_save_path=gs://bucket", ["model_save_path"]),
        ("model_save_path=model&colour=red", ["colour"]),
    ],
)
def test_bad_fields_of_the_query_are_reported_by_name(
    predict: Any, reported: Reported, query: str, locations: list[str]
) -> None:
    response = predict.get(f"/models/{reported.model_id}/report?{query}")
    assert response.status_code == 422
    assert sorted(error["loc"][0] for error in response.json["errors"]) == locations


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("model_save_path=model&model_save_path=model", "model_save_path"),
        ("model_save_path=model&model_id=other", "model_id"),
    ],
)
def test_a_field_that_is_given_twice_is_refused(
    predict: Any, reported: Reported, query: str, name: str
) -> None:
    response = predict.get(f"/models/{reported.model_id}/report?{query}")
    assert response.status_code == 400
    assert name in response.json["detail"]


def test_a_report_cannot_be_posted(predict: Any, reported: Reported) -> None:
    response = predict.post(reported.path(reported.model_id))
    assert response.status_code == 405
    assert response.mimetype == "application/problem+json"
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/models/a/b/report",
            "/models/a%2Fb/report",
            "/models/a/report/more",
            "/models/a/reports",
        ),
        *("/models/%3Cmodel_id%3E/reports", "/predict/models/a/report", "/" + "a" * 100_000),
    ],
)
def test_the_problem_of_an_unknown_path_lists_the_paths_that_exist(predict: Any, path: str) -> None:
    response = predict.get(path)
    assert response.status_code == 404
    assert "/models/{model_id}/report" in response.json["detail"]
    assert len(response.text) < 1_000


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "TRACE", "NONSENSE"]),
    st.lists(
        st.sampled_from(["models", "report", "predict", "..", ".", "%2F", "%00", "%ff", "|", "<x>"])
        | st.text(max_size=8).map(lambda text: quote(text, errors="replace")),
        max_size=5,
    ),
)
def test_no_path_makes_the_function_fail(
    predict: Any, reported: Reported, method: str, segments: list[str]
) -> None:
    # The client reads a path that begins with two slashes as the name of a server.
    response = predict.open("/" + "/".join(segments).lstrip("/"), method=method)
    assert response.status_code < 500


def test_the_report_is_documented_as_a_page(predict: Any) -> None:
    operation = predict.get("/openapi.json").json["paths"]["/models/{model_id}/report"]["get"]
    assert "text/html" in operation["responses"]["200"]["content"]
    places = {
        each["name"]: (each["in"], each["required"])
        for each in operation["parameters"]
        if "name" in each
    }
    assert places == {"model_id": ("path", True), "model_save_path": ("query", False)}
