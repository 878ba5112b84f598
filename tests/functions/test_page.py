"""The page in browsers: its documents, its files and the models that it runs."""

from __future__ import annotations

import gzip
import re
from base64 import b64decode
from hashlib import sha384
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

import graphs
from ser.registry import open_registry

STATIC = Path(__file__).parents[2] / "shared" / "ser" / "service" / "page" / "static"
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
DOCUMENTS = {"/": "judge", "/models": "models", "/docs": "docs"}
LOADED = re.compile(r'(?:href|src)="(assets/[^"]+)"(?: type="[^"]+")?(?: integrity="([^"]+)")?')
IMPORT = re.compile(r'from "\./([^"]+)"')


@pytest.fixture
def place(bounds: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The registry of the function."""
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(bounds / "model"))
    return bounds / "model"


@pytest.mark.parametrize("path", ["/", "/models"])
@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json,text/html"])
def test_programs_get_json_where_browsers_get_the_page(
    predict: Any, place: Path, path: str, accept: str | None
) -> None:
    others = predict.get(path, headers={"Accept": accept} if accept else {})
    assert others.mimetype == "application/json"
    assert "Accept" in others.headers["Vary"]
    browsers = predict.get(path, headers=BROWSER)
    assert browsers.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Accept" in browsers.headers["Vary"]
    assert browsers.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("path", ["/models", "/docs"])
def test_a_document_has_one_path_to_which_its_links_are_relative(predict: Any, path: str) -> None:
    moved = predict.get(f"{path}/", headers=BROWSER)
    assert (moved.status_code, moved.headers["Location"]) == (308, f"..{path}")
    assert "Accept" in moved.headers["Vary"]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_document_loads_files_of_this_server_alone_each_with_its_hash(
    predict: Any, path: str
) -> None:
    page = predict.get(path, headers=BROWSER)
    assert set(page.headers["Content-Security-Policy"].split("; ")) == {
        *("default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'"),
        *("style-src 'self'", "img-src 'self' data:", "media-src 'self' blob:"),
        *("connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
    }
    assert page.headers["Permissions-Policy"] == "microphone=(self), camera=(), geolocation=()"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    loaded = LOADED.findall(page.text)
    assert len(loaded) > 3
    for file, integrity in loaded:
        asset = predict.get(f"/{file}")
        assert asset.status_code == 200
        assert asset.headers["X-Content-Type-Options"] == "nosniff"
        assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        if not file.endswith(".svg"):
            assert b64decode(integrity.removeprefix("sha384-")) == sha384(asset.data).digest()
    # The server may be below a prefix, which it does not know.
    assert not re.search(r'="(/|https?:)', page.text)
    # No script and no style is part of the document, so the policy needs no exception.
    assert not re.search(r"<style|style=|<script(?![^>]* src=)|\son\w+=", page.text)


@pytest.mark.parametrize("name", DOCUMENTS.values())
def test_the_document_states_the_hash_of_every_module_that_its_script_imports(
    predict: Any, name: str
) -> None:
    (path,) = (path for path, document in DOCUMENTS.items() if document == name)
    stated = {
        file.rpartition("/")[2]
        for file, integrity in LOADED.findall(predict.get(path, headers=BROWSER).text)
        if integrity
    }
    imported, new = set[str](), {f"{name}.js"}
    while new:
        imported |= new
        new = {each for file in new for each in IMPORT.findall((STATIC / file).read_text())}
        new -= imported
    assert stated == imported | {"page.css"}


def test_nothing_on_the_page_is_parsed_as_html_or_as_code() -> None:
    scripts = {file.name: file.read_text() for file in STATIC.glob("*.js")}
    assert len(scripts) > 10
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://"
    )
    found = {name: forbidden.findall(text) for name, text in scripts.items()}
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.parametrize(
    "name",
    [
        "../judge.html",
        "..%2f..%2froutes.py",
        "judge.html",
        "frame.html",
        "routes.py",
        "package-lock.json",
        "x.js",
    ],
)
def test_only_the_files_that_documents_load_are_assets(predict: Any, name: str) -> None:
    folder = LOADED.findall(predict.get("/", headers=BROWSER).text)[0][0].rpartition("/")[0]
    assert predict.get(f"/{folder}/judge.js").status_code == 200
    assert predict.get(f"/{folder}/{name}").status_code == 404


def test_a_file_of_another_version_is_not_served(predict: Any) -> None:
    answer = predict.get("/assets/0123456789abcdef/judge.js")
    assert answer.status_code == 404
    assert "reload the page" in answer.json["detail"]


def test_the_runtime_is_sent_as_it_is_stored_to_clients_that_unpack_it(
    predict: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ser.service.page import files

    stored = gzip.compress(b"\0asm", mtime=0)
    found = files.Assets("0" * 16, {"ort-wasm-simd-threaded.wasm.gz": stored})
    monkeypatch.setattr(files, "assets", lambda: found)
    path = f"/assets/{'0' * 16}/ort-wasm-simd-threaded.wasm"
    for accepted in ("gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.8", "*"):
        answer = predict.get(path, headers={"Accept-Encoding": accepted})
        assert (answer.mimetype, answer.headers["Content-Encoding"]) == ("application/wasm", "gzip")
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.data == stored
    # A client without gzip would take the packed file for the module itself.
    for refused in ({}, {"Accept-Encoding": "br"}, {"Accept-Encoding": "gzip;q=0, *"}):
        answer = predict.get(path, headers=refused)
        assert (answer.status_code, answer.mimetype) == (200, "application/wasm")
        assert "Content-Encoding" not in answer.headers
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert (answer.data, answer.headers["Content-Length"]) == (b"\0asm", "4")
        head = predict.open(path, method="HEAD", headers=refused)
        assert (head.status_code, "Content-Encoding" in head.headers) == (200, False)


def test_the_file_of_a_model_is_that_of_the_registry(predict: Any, place: Path) -> None:
    model_id = graphs.publish(place, graphs.model())
    open_registry(place).move("production", model_id)
    answer = predict.get(f"/models/{model_id}/model.onnx")
    assert answer.data == graphs.model()
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{model_id}.onnx"'
    # An alias may lead elsewhere tomorrow.
    by_alias = predict.get("/models/production/model.onnx")
    assert by_alias.headers["Cache-Control"] == "private, no-cache"
    kept = {"If-None-Match": by_alias.headers["ETag"]}
    assert predict.get("/models/production/model.onnx", headers=kept).status_code == 304


def test_a_file_that_the_client_has_is_not_read_again(predict: Any, place: Path) -> None:
    model_id = graphs.publish(place, graphs.model())
    path = f"/models/{model_id}/model.onnx"
    kept = {"If-None-Match": predict.get(path).headers["ETag"]}
    (place / model_id / "model.onnx").write_bytes(b"altered")
    assert predict.get(path).status_code == 409
    assert predict.get(path, headers=kept).status_code == 304
    head = predict.open(path, method="HEAD")
    assert (head.status_code, head.headers.get("Content-Length")) == (200, None)


def test_the_copy_for_browsers_requires_the_inputs_of_profiles(predict: Any) -> None:
    def inputs(query: str) -> tuple[set[str], set[str]]:
        data = predict.get(f"/models/ready/model.onnx{query}").data
        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        optional = {each.name for each in session.get_overridable_initializers()}
        return {each.name for each in session.get_inputs()}, optional

    required, optional = inputs("")
    assert "speaker_mean" in optional
    assert inputs("?inputs=required") == (required | optional, set())
    assert predict.get("/models/ready/model.onnx?inputs=all").status_code == 422


def test_a_model_above_the_limit_is_not_sent(
    predict: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = graphs.publish(place, graphs.model())
    monkeypatch.setenv("SER_MAX_MODEL_MB", "0.001")
    answer = predict.get(f"/models/{model_id}/model.onnx")
    assert answer.status_code == 413
    assert "SER_MAX_MODEL_MB" in answer.json["detail"]


def test_files_of_models_are_given_out_unless_the_operator_keeps_them(
    predict: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = graphs.publish(place, graphs.model())
    paths = [f"/models/{each}/model.onnx" for each in (model_id, "ready")]
    kept = {"If-None-Match": predict.get(paths[0]).headers["ETag"]}
    monkeypatch.setenv("SER_MODEL_FILES", "false")
    for path in paths:
        refused = predict.get(path, headers=kept)
        assert (refused.status_code, refused.mimetype) == (403, "application/problem+json")
        assert "SER_MODEL_FILES is false" in refused.json["detail"]
        # A key would change nothing.
        assert "WWW-Authenticate" not in refused.headers
    assert predict.get(f"/models/{model_id}").json["model_id"] == model_id


def test_so_many_files_of_models_are_sent_at_once(
    predict: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/models/{graphs.publish(place, graphs.model())}/model.onnx"
    monkeypatch.setenv("SER_MAX_MODEL_DOWNLOADS", "2")
    reading = [predict.get(path) for _ in range(2)]
    refused = predict.get(path)
    assert (refused.status_code, refused.mimetype) == (503, "application/problem+json")
    assert "2 files of models are being sent" in refused.json["detail"]
    assert "SER_MAX_MODEL_DOWNLOADS" in refused.json["detail"]
    assert int(refused.headers["Retry-After"]) > 0
    # What needs no file takes no slot.
    kept = {"If-None-Match": reading[0].headers["ETag"]}
    assert predict.get(path, headers=kept).status_code == 304
    assert predict.open(path, method="HEAD").status_code == 200
    assert predict.get("/models").status_code == 200
    reading.pop().close()
    reading.append(predict.get(path))
    assert reading[-1].status_code == 200
    for each in reading:
        each.close()
    # A file that cannot be read takes none either.
    (place / path.split("/")[2] / "model.onnx").write_bytes(b"altered")
    assert [predict.get(path).status_code for _ in range(3)] == 3 * [409]


def test_the_page_needs_no_key_and_what_it_asks_for_does(
    predict: Any, place: Path, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bounds / "keys").write_text("")
    monkeypatch.setenv("SER_API_KEYS", str(bounds / "keys"))
    for path in DOCUMENTS:
        assert predict.get(path, headers=BROWSER).status_code == 200
    for path in ("/models", "/models/ready/model.onnx", "/aliases"):
        assert predict.get(path).status_code == 401
