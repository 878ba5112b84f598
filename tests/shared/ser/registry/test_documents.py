"""Documents of other programs in a registry: damaged models and aliases, never defects."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser.errors import AlteredModel, Conflict, NotFound, SerError
from ser.registry import Registry, open_registry
from ser.registry._documents import MAX_DOCUMENT
from ser.store import Store

ID = "20261122T143105Z-1a2b3c4d"
DEEP = b'{"model_id": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
BAD = {
    "no UTF-8": b'{"model_id": "\xff\xfe", "files": {}}',
    "a cut text": b'{"model_id": "\xe2\x82',
    "deep": DEEP,
    "NaN": b'{"model_id": NaN, "files": {}}',
    "a huge number": b'{"model_id": "", "files": {"a": {"sha256": "", "size": 1e999}}}',
    "a long number": b'{"model_id": "", "files": {"a": {"sha256": "", "size": '
    + b"9" * 5000
    + b"}}}",
    "a list": b"[]",
    "a text": b'"manifest"',
    "files as a list": f'{{"model_id": "{ID}", "files": []}}'.encode(),
    "a number as the id": b'{"model_id": 1, "files": {}}',
    "null": b"null",
    "nothing": b"",
    "a surrogate": b'{"model_id": "\\ud800", "files": {}}',
    "zeros": bytes(100),
    "too large": b" " * (MAX_DOCUMENT + 1),
}


@pytest.mark.parametrize("document", BAD.values(), ids=BAD)
def test_a_bad_manifest_is_an_altered_model(
    registry: Registry, store: Store, document: bytes
) -> None:
    store.create(f"{ID}/manifest.json", document)
    for use in (registry.model, registry.load, registry.show):
        with pytest.raises(AlteredModel, match=ID):
            use(ID)
    assert list(registry.models()) == []


def test_a_manifest_that_states_petabytes_takes_no_memory(registry: Registry, store: Store) -> None:
    manifest = {"model_id": ID, "files": {"model.onnx": {"sha256": "0" * 64, "size": 2**52}}}
    store.create(f"{ID}/manifest.json", json.dumps(manifest).encode())
    store.create(f"{ID}/model.onnx", b"small")
    with pytest.raises(AlteredModel, match="not as it was published"):
        registry.model(ID).read("model.onnx")


def test_a_file_is_read_up_to_the_size_in_its_manifest(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("registry")
    registry = open_registry(folder)
    registry.publish(ID, {"model.onnx": b"graph"}, {})
    os.truncate(folder / ID / "model.onnx", 100_000_000)
    tracemalloc.start()
    with pytest.raises(AlteredModel, match="not as it was published"):
        registry.model(ID).read("model.onnx")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize("document", BAD.values(), ids=BAD)
def test_a_bad_alias_is_a_conflict(registry: Registry, store: Store, document: bytes) -> None:
    registry.publish(ID, {"model.onnx": b""}, {})
    store.create("aliases/latest.json", document)
    uses: list[Callable[[str], object]] = [
        *(registry.resolve, registry.model, registry.history, registry.rollback),
        partial(registry.move, model_id=ID),
    ]
    for use in uses:
        with pytest.raises(Conflict, match=r"aliases/latest\.json is damaged"):
            use("latest")


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "latest", "a\\b", "\\u0000"])
def test_an_alias_leads_to_ids_only(registry: Registry, store: Store, target: str) -> None:
    move = f'{{"model_id": "{target}", "moved_at": "", "action": "move"}}'
    document = f'{{"alias": "latest", "model_id": "{target}", "history": [{move}]}}'
    store.create("aliases/latest.json", document.encode())
    with pytest.raises(Conflict, match="is damaged"):
        registry.model("latest")


@pytest.mark.parametrize("size", [-1, 0, 2**63, "1", None, 1.5])
def test_a_size_that_is_none_is_an_altered_model(
    registry: Registry, store: Store, size: object
) -> None:
    files = {"model.onnx": {"sha256": "0" * 64, "size": size}}
    manifest = json.dumps({"model_id": ID, "files": files}).encode()
    store.create(f"{ID}/manifest.json", manifest)
    store.create(f"{ID}/model.onnx", b"graph")
    with pytest.raises(AlteredModel, match=ID):
        registry.load(ID)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ).map(lambda value: repr(value).encode("utf-8", "surrogatepass")),
    st.sampled_from([f"{ID}/manifest.json", "aliases/latest.json"]),
)
def test_no_document_is_an_internal_error(
    tmp_path_factory: pytest.TempPathFactory, document: bytes, key: str
) -> None:
    folder = tmp_path_factory.mktemp("registry")
    registry = open_registry(folder)
    (folder / key).parent.mkdir(parents=True)
    (folder / key).write_bytes(document)
    with pytest.raises((AlteredModel, Conflict, NotFound)) as caught:
        registry.load("latest" if key.startswith("aliases") else ID)
    assert isinstance(caught.value, SerError)


def test_a_pipe_in_the_place_of_a_file_does_not_hold_its_reader(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("registry")
    (folder / ID).mkdir()
    os.mkfifo(folder / ID / "manifest.json")
    with pytest.raises(NotFound):
        open_registry(folder).model(ID)


def test_a_document_is_read_up_to_its_limit_only(registry: Registry, store: Store) -> None:
    store.create(f"{ID}/manifest.json", BAD["too large"])
    store.create("aliases/latest.json", BAD["too large"])
    for name in (ID, "latest"):
        with pytest.raises(Conflict, match="is too large; allowed: 16,000,000 bytes"):
            registry.model(name)
