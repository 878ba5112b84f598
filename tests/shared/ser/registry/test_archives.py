"""Models as single files, with every store."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import graphs
import made
import ser
from ser.errors import AlteredModel, Conflict, InvalidInput, NotFound, SerError
from ser.registry import ModelKey, Registry, new_model_id, open_registry
from ser.registry._rules import Rules
from ser.sounds import SAMPLING_RATE
from ser.store import Store

GRAPH = graphs.model()
SAMPLE = made.sound(made.signal("03a01Wa.wav"))
PAGE = "<!doctype html><title>Ärger</title>".encode()
FILES = {"model.onnx": GRAPH, "samples/Ärger 1.wav": SAMPLE, "report.html": PAGE}
SIGNAL = made.signal("03a01Wa.wav")


def publish(registry: Registry, files: dict[str, bytes] = FILES) -> str:
    model_id = new_model_id()
    registry.publish(model_id, files, {"corpus": {"name": "emodb"}})
    registry.move("latest", model_id)
    return model_id


def test_a_model_travels_as_one_file(registry: Registry, tmp_path: Path) -> None:
    model_id = publish(registry)
    archive = registry.export("latest", tmp_path / "latest.zip")
    assert archive == tmp_path / "latest.zip"
    other = open_registry(tmp_path / "other")
    assert other.import_(archive) == model_id
    there = other.load(model_id)
    assert {name: there.read(name) for name in FILES} == FILES
    assert there.manifest == registry.model(model_id).manifest
    assert there.predict(SIGNAL, SAMPLING_RATE) == registry.load(model_id).predict(
        SIGNAL, SAMPLING_RATE
    )
    assert other.aliases() == {}


def test_an_archive_goes_into_every_store_and_is_the_same_each_time(
    registry: Registry, tmp_path: Path
) -> None:
    source = open_registry(tmp_path / "source")
    model_id = publish(source)
    (tmp_path / "folder").mkdir()
    first = source.export(model_id, tmp_path / "folder")
    assert first.name == f"{model_id}.zip"
    assert registry.import_(first) == model_id
    assert registry.model(model_id).is_whole()
    again = registry.export(model_id, tmp_path / "again.zip")
    assert again.read_bytes() == first.read_bytes()
    # A second export replaces the file.
    assert registry.export(model_id, again).read_bytes() == first.read_bytes()
    assert {each.name for each in tmp_path.iterdir()} == {"source", "folder", "again.zip"}


def test_an_unpacked_archive_is_the_folder_of_a_model(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "model")
    model_id = publish(registry)
    with zipfile.ZipFile(registry.export(model_id, tmp_path)) as archive:
        archive.extractall(tmp_path / "unpacked")
    assert ser.load_model(tmp_path / "unpacked").predict(SIGNAL, SAMPLING_RATE).speech


def test_nothing_overwrites_a_model(registry: Registry, tmp_path: Path) -> None:
    archive = registry.export(publish(registry), tmp_path)
    with pytest.raises(Conflict, match="never overwritten"):
        registry.import_(archive)


def test_a_model_that_does_not_exist_or_has_changed_is_not_exported(
    registry: Registry, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(NotFound, match="best"):
        registry.export("best", tmp_path)
    model_id = publish(registry)
    store.delete(f"{model_id}/report.html")
    with pytest.raises(AlteredModel, match="is missing"):
        registry.export(model_id, tmp_path)
    assert not list(tmp_path.glob("**/*.zip"))


def test_a_place_that_cannot_be_written_is_named(registry: Registry, tmp_path: Path) -> None:
    model_id = publish(registry)
    with pytest.raises(InvalidInput, match=r"no/model\.zip' cannot be written: No such file"):
        registry.export(model_id, tmp_path / "no" / "model.zip")


def altered(archive: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Return an archive with other content."""
    with zipfile.ZipFile(archive) as source:
        content = {name: source.read(name) for name in source.namelist()}
    change(content)
    target = archive.with_name("altered.zip")
    with zipfile.ZipFile(target, "w") as changed:
        for name, data in content.items():
            changed.writestr(name, data)
    return target


def longer_graph(content: dict[str, bytes]) -> None:
    content["model.onnx"] += b"\0"


def other_graph(content: dict[str, bytes]) -> None:
    content["model.onnx"] = content["model.onnx"].replace(b"probabilities", b"Probabilities")


def no_sample(content: dict[str, bytes]) -> None:
    del content["samples/Ärger 1.wav"]


def a_name_outside(content: dict[str, bytes]) -> None:
    manifest = msgspec.json.decode(content["manifest.json"])
    manifest["files"]["../outside"] = manifest["files"]["report.html"]
    content["../outside"] = content["report.html"]
    content["manifest.json"] = msgspec.json.encode(manifest)


def another_id(content: dict[str, bytes]) -> None:
    manifest = msgspec.json.decode(content["manifest.json"])
    content["manifest.json"] = msgspec.json.encode(manifest | {"model_id": "../aliases"})


def no_manifest(content: dict[str, bytes]) -> None:
    del content["manifest.json"]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (longer_graph, "not as it was published"),
        (other_graph, "not as it was published"),
        (no_sample, "is missing"),
        (a_name_outside, "not a key"),
        (another_id, "is not a model id"),
        (no_manifest, "has no manifest.json"),
    ],
)
def test_an_altered_archive_is_refused_and_nothing_of_it_is_kept(
    registry: Registry,
    store: Store,
    tmp_path: Path,
    change: Callable[[dict[str, bytes]], None],
    refusal: str,
) -> None:
    source = open_registry(tmp_path / "source")
    archive = altered(source.export(publish(source), tmp_path), change)
    with pytest.raises((AlteredModel, InvalidInput), match=refusal):
        registry.import_(archive)
    assert store.names() == []


@pytest.mark.parametrize(
    ("files", "refusal"),
    [
        ({"model.onnx": b"no graph"}, "model"),
        ({"model.onnx": GRAPH, "report.html": b"<script>"}, "was not made by ser"),
    ],
    ids=["graph", "report"],
)
def test_a_model_is_inspected_before_it_is_written(
    registry: Registry, store: Store, tmp_path: Path, files: dict[str, bytes], refusal: str
) -> None:
    source = open_registry(tmp_path / "source")
    archive = source.export(publish(source, files), tmp_path)
    with pytest.raises(Conflict, match=refusal):
        registry.import_(archive)
    assert store.names() == []


def compressed(archive: Path) -> None:
    with zipfile.ZipFile(archive) as source:
        content = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as changed:
        for name, data in content.items():
            changed.writestr(name, data)


def compressed_and_padded(archive: Path) -> None:
    """No smaller than its content, so that the sizes do not give it away."""
    size = archive.stat().st_size
    compressed(archive)
    archive.write_bytes(bytes(size) + archive.read_bytes())


def repeated(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as changed, pytest.warns(UserWarning, match="Duplicate"):
        changed.writestr("manifest.json", b"{}")


def truncated(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-100])


def claiming_much(archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    # The size of the first entry in the central directory.
    position = data.rindex(b"PK\x01\x02")
    data[position + 24 : position + 28] = struct.pack("<I", 2**31)
    archive.write_bytes(data)


@pytest.mark.parametrize(
    "spoil", [compressed, compressed_and_padded, repeated, truncated, claiming_much]
)
def test_a_file_that_export_does_not_write_is_refused(
    registry: Registry, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    archive = registry.export(publish(registry), tmp_path)
    spoil(archive)
    with pytest.raises(InvalidInput, match="is not the archive of a model"):
        open_registry(tmp_path / "other").import_(archive)


def test_a_file_that_is_missing_or_a_folder_is_refused(registry: Registry, tmp_path: Path) -> None:
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(InvalidInput, match="is not the archive of a model"):
            registry.import_(path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_an_archive_with_another_byte_is_refused_or_the_same_model(
    tmp_path: Path, position: float, value: int
) -> None:
    source = open_registry(tmp_path / "source")
    archive = tmp_path / "model.zip"
    if not archive.exists():
        source.export(publish(source, {"model.onnx": GRAPH}), archive)
        # A model without samples and report travels, too.
        assert open_registry(tmp_path / "whole").import_(archive) == source.resolve("latest")
    data = bytearray(archive.read_bytes())
    data[int(position * len(data))] = value
    changed = tmp_path / "changed.zip"
    changed.write_bytes(data)
    target = open_registry(tmp_path / "target")
    try:
        model_id = target.import_(changed)
    except SerError:
        assert list(target.ids()) == []
        return
    model = target.model(model_id)
    assert model.is_whole()
    assert model.read("model.onnx") == GRAPH
    target.delete(model_id)


SECRET, OTHER = ModelKey(bytes(range(32))), ModelKey(bytes(range(1, 33)))


def test_a_registry_with_a_key_imports_what_its_key_has_signed(
    store: Store, tmp_path: Path
) -> None:
    signing = Registry(store, Rules(SECRET))
    model_id = publish(signing)
    archive = signing.export(model_id, tmp_path)
    same = open_registry(tmp_path / "same", key=SECRET)
    assert same.import_(archive) == model_id
    assert same.load(model_id).model_id == model_id
    with pytest.raises(AlteredModel, match="another signature"):
        open_registry(tmp_path / "other", key=OTHER).import_(archive)
    # A registry without a key keeps the signature for those that have it.
    keyless = open_registry(tmp_path / "keyless")
    keyless.import_(archive)
    assert open_registry(tmp_path / "keyless", key=SECRET).load(model_id).model_id == model_id


def test_a_registry_with_a_key_imports_no_unsigned_model(
    registry: Registry, tmp_path: Path
) -> None:
    archive = registry.export(publish(registry), tmp_path)
    with pytest.raises(AlteredModel, match="is not signed"):
        open_registry(tmp_path / "other", key=SECRET).import_(archive)
