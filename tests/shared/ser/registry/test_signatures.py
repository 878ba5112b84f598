"""Models that are signed with the key of a registry."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

import graphs
import ser
from ser.errors import AlteredModel, InvalidInput
from ser.registry import ModelKey, Registry, new_model_id, open_registry
from ser.registry._rules import Rules
from ser.store import Store

SECRET = bytes(range(32))
OTHER = bytes(range(1, 33))
FILES = {"model.onnx": b"graph"}


@pytest.fixture
def signing(store: Store) -> Registry:
    return Registry(store, Rules(ModelKey(SECRET)))


def test_a_signed_model_is_read_with_its_key_and_without_one(
    signing: Registry, registry: Registry
) -> None:
    model_id = new_model_id()
    signing.publish(model_id, FILES, {})
    assert signing.model(model_id).read("model.onnx") == b"graph"
    assert registry.model(model_id).read("model.onnx") == b"graph"
    signing.move("latest", model_id)
    assert signing.model("latest").model_id == model_id


def test_a_model_without_a_signature_is_refused_and_not_listed(
    signing: Registry, registry: Registry
) -> None:
    model_id = new_model_id()
    registry.publish(model_id, FILES, {})
    for use in (signing.model, signing.load, signing.show):
        with pytest.raises(AlteredModel, match=f"model {model_id} is not signed; allowed: models"):
            use(model_id)
    assert list(signing.models()) == []


def test_the_signature_is_of_the_bytes_of_the_manifest_and_the_key(
    signing: Registry, store: Store
) -> None:
    model_id, other = new_model_id(), new_model_id()
    for each in (model_id, other):
        signing.publish(each, FILES, {})
    key, signature = f"{model_id}/manifest.json", f"{model_id}/manifest.sig"
    stored = store.read(key)
    assert stored is not None
    with pytest.raises(AlteredModel, match="another signature"):
        Registry(store, Rules(ModelKey(OTHER))).model(model_id)
    assert store.replace(key, stored, stored.data.replace(b'"files"', b' "files"'))
    with pytest.raises(AlteredModel, match="another signature"):
        signing.model(model_id)
    # A whole model in the place of another one.
    foreign = [store.read(f"{other}/{name}") for name in ("manifest.json", "manifest.sig")]
    for place, found in zip((key, signature), foreign, strict=True):
        assert found is not None
        store.delete(place)
        store.create(place, found.data)
    with pytest.raises(AlteredModel, match=f"belongs to model '{other}'"):
        signing.model(model_id)


@pytest.mark.parametrize("signature", [b"", b"x" * 101, b"\xff" * 64, "ä".encode()])
def test_what_is_no_signature_is_refused(signing: Registry, store: Store, signature: bytes) -> None:
    model_id = new_model_id()
    signing.publish(model_id, FILES, {})
    store.delete(f"{model_id}/manifest.sig")
    store.create(f"{model_id}/manifest.sig", signature)
    with pytest.raises(AlteredModel, match=model_id):
        signing.model(model_id)


def test_load_model_demands_the_signature_of_a_folder_and_refuses_a_file(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "model", key=SECRET)
    model_id = new_model_id()
    registry.publish(model_id, {"model.onnx": graphs.model()}, {})
    unsigned = graphs.publish(tmp_path / "model", graphs.model())
    for address in (f"{tmp_path}/model/{model_id}", f"model/{model_id}"):
        assert ser.load_model(address, key=SECRET).labels == graphs.LABELS
        with pytest.raises(AlteredModel, match="another signature"):
            ser.load_model(address, key=OTHER)
    assert ser.load_model(model_id, registry="model", key=SECRET.hex()).labels == graphs.LABELS
    with pytest.raises(AlteredModel, match="not signed"):
        ser.load_model(f"model/{unsigned}", key=SECRET)
    with pytest.raises(AlteredModel, match="is a file, which has no signature"):
        ser.load_model(f"model/{model_id}/model.onnx", key=SECRET)
    assert ser.load_model("ready", key=SECRET).emotions


def test_a_key_is_read_from_hexadecimal_base64_and_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET.hex()}\n")
    spellings: list[Any] = [
        *(SECRET, SECRET.hex(), SECRET.hex().upper(), base64.b64encode(SECRET).decode()),
        *(base64.urlsafe_b64encode(SECRET).decode().rstrip("="), tmp_path / "key"),
        *(str(tmp_path / "key"), ModelKey(SECRET)),
    ]
    for each in spellings:
        assert ModelKey.of(each) == ModelKey(SECRET)


@pytest.mark.parametrize("key", ["", "secret-words", "ab" * 31, b"short", "/nowhere/key", "\0"])
def test_a_short_or_unreadable_key_is_refused_without_telling_it(key: Any) -> None:
    with pytest.raises(InvalidInput, match="allowed: 32 bytes or more in hexadecimal") as error:
        open_registry("model", key=key)
    assert not key or str(key) not in str(error.value)


def test_a_key_is_not_shown() -> None:
    assert repr(ModelKey(SECRET)) == "ModelKey(...)" == str(ModelKey(SECRET))
    assert SECRET.hex() not in f"{ModelKey(SECRET)}"
