"""The guarantees of a registry, with every store."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser.errors import AlteredModel, Conflict, InvalidInput, NotFound
from ser.registry import Registry, new_model_id, open_registry
from ser.store import Store

IDS = [f"20261122T14310{second}Z-1a2b3c4d" for second in range(5)]
Use = Callable[[str], object]
FILES = {"model.onnx": b"graph", "samples/Ärger 1.wav": b"RIFF"}


def filled(registry: Registry) -> Registry:
    """Publish a model under each of IDS; return ``registry``."""
    for model_id in IDS:
        registry.publish(model_id, {"model.onnx": model_id.encode()}, {})
    return registry


def test_ids_are_unique_and_sort_by_the_time_of_their_creation() -> None:
    ids = []
    for _ in range(100):
        ids.append(new_model_id())
        time.sleep(2e-6)
    assert len(set(ids)) == 100
    assert ids == sorted(ids)
    assert len({model_id[-3:] for model_id in ids}) > 1
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{8}", model_id) for model_id in ids)


def test_a_published_model_reads_back_whole(registry: Registry) -> None:
    registry.publish(IDS[0], FILES, {"classes": ["W", "L"], "metrics": {"uar": 0.5}})
    model = registry.model(IDS[0])
    assert model.model_id == IDS[0]
    assert {name: model.read(name) for name in FILES} == FILES
    assert model.manifest["classes"] == ["W", "L"]
    assert model.manifest["metrics"] == {"uar": 0.5}
    assert model.manifest["model_id"] == IDS[0]
    age = datetime.now(UTC) - datetime.fromisoformat(model.manifest["created_at"])
    assert 0 <= age.total_seconds() < 60
    assert model.manifest["files"]["samples/Ärger 1.wav"] == {
        "sha256": sha256(b"RIFF").hexdigest(),
        "size": 4,
    }


def test_nothing_overwrites_a_published_model(registry: Registry) -> None:
    registry.publish(IDS[0], FILES, {})
    for other in (FILES, {"a": b"", "model.onnx": b"other"}, {"a": b"", "z": b""}, {}):
        with pytest.raises(Conflict, match=f"model {IDS[0]}, and models are never overwritten"):
            registry.publish(IDS[0], other, {"classes": ["other"]})
    model = registry.model(IDS[0])
    assert {name: model.read(name) for name in FILES} == FILES
    assert "classes" not in model.manifest


def test_a_publisher_that_comes_too_late_leaves_nothing_behind(
    registry: Registry, store: Store
) -> None:
    registry.publish(IDS[0], FILES, {})
    with pytest.raises(Conflict):
        registry.publish(IDS[0], {"a": b"", "samples/z": b""}, {})
    assert store.names(IDS[0]) == ["manifest.json", "model.onnx", "samples/"]
    assert store.names(f"{IDS[0]}/samples") == ["Ärger 1.wav"]


def test_exactly_one_of_concurrent_publishers_of_an_id_succeeds(registry: Registry) -> None:
    names = ["a", "b/c", "b/d", "model.onnx"]

    def publish(model_id: str, writer: int) -> bool:
        in_some_order = names[:: 1 if writer % 2 else -1]
        try:
            registry.publish(model_id, dict.fromkeys(in_some_order, bytes([writer])), {})
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        for model_id in IDS:
            won = list(pool.map(partial(publish, model_id), range(6)))
            assert won.count(True) == 1
            model = registry.model(model_id)
            assert {model.read(name) for name in names} == {bytes([won.index(True)])}


def test_a_publication_that_fails_is_undone(registry: Registry, store: Store) -> None:
    with pytest.raises(InvalidInput, match=r"samples/\.\./x"):
        registry.publish(IDS[0], {**FILES, "samples/../x": b""}, {})
    assert store.names() == []


class FilesMadeWhenUsed(Mapping[str, bytes]):
    """Files that are made when they are used; one named ``broken`` cannot be made."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.made = names, list[str]()

    def __getitem__(self, name: str) -> bytes:
        if name not in self.names:
            raise KeyError(name)
        if name == "broken":
            raise Conflict("the sound has changed")
        self.made.append(name)
        return name.encode()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def test_each_file_is_made_once(registry: Registry) -> None:
    files = FilesMadeWhenUsed(["model.onnx", "a", "samples/b"])
    registry.publish(IDS[0], files, {})
    assert sorted(files.made) == ["a", "model.onnx", "samples/b"]
    model = registry.model(IDS[0])
    assert {name: model.read(name) for name in files.names} == {n: n.encode() for n in files.names}
    assert list(model.manifest["files"]) == files.names


def test_a_file_that_cannot_be_made_undoes_the_publication(
    registry: Registry, store: Store
) -> None:
    with pytest.raises(Conflict, match="the sound has changed"):
        registry.publish(IDS[0], FilesMadeWhenUsed(["a", "broken", "model.onnx"]), {})
    assert store.names() == []


@pytest.mark.parametrize(
    "model_id", ["", "latest", "../x", f"{IDS[0]}/..", f"{IDS[0]}\n", IDS[0].upper()]
)
def test_an_invalid_id_is_refused(registry: Registry, store: Store, model_id: str) -> None:
    with pytest.raises(InvalidInput, match="is not a model id; allowed: an id such as 2026"):
        registry.publish(model_id, FILES, {})
    assert store.names() == []


@pytest.mark.parametrize("name", ["../x", "/etc/x", "samples/../../x", "", "manifest.json"])
def test_a_file_name_that_leaves_the_model_is_refused(
    registry: Registry, store: Store, name: str
) -> None:
    with pytest.raises(InvalidInput, match="allowed"):
        registry.publish(IDS[0], {name: b""}, {})
    assert store.names() == []


def test_a_model_without_manifest_does_not_exist(registry: Registry, store: Store) -> None:
    store.create(f"{IDS[0]}/model.onnx", b"graph")
    assert list(registry.ids()) == []
    uses: list[Use] = [registry.resolve, registry.model, partial(registry.move, "latest")]
    for use in uses:
        with pytest.raises(NotFound, match=IDS[0]):
            use(IDS[0])
    assert registry.aliases() == {}


def test_ids_are_listed_newest_first_and_page_by_page(registry: Registry, store: Store) -> None:
    filled(registry).move("latest", IDS[0])
    store.create(f"{new_model_id()}/model.onnx", b"unfinished")
    store.create("notes/manifest.json", b"no model")
    store.create(new_model_id(), b"a file")
    assert list(registry.ids()) == IDS[::-1]
    assert list(registry.ids(limit=2)) == [IDS[4], IDS[3]]
    assert list(registry.ids(limit=2, before=IDS[3])) == [IDS[2], IDS[1]]
    assert list(registry.ids(before=IDS[0])) == []


def test_an_id_and_an_alias_lead_to_the_model(registry: Registry) -> None:
    filled(registry).move("production", IDS[1])
    assert registry.resolve(IDS[0]) == IDS[0]
    assert registry.resolve("production") == IDS[1]
    assert registry.model("production").read("model.onnx") == IDS[1].encode()


@pytest.mark.parametrize(
    "name", ["best", "20261126T120000Z-0b197c4f", "NO NAME", "", "../aliases", "best\n"]
)
def test_an_unknown_name_is_not_found_and_the_error_lists_the_aliases(
    registry: Registry, name: str
) -> None:
    registry.publish(IDS[0], FILES, {})
    registry.move("latest", IDS[0])
    registry.move("production", IDS[0])
    for use in (registry.resolve, registry.model, registry.history, registry.rollback):
        with pytest.raises(NotFound, match="its aliases: latest, production") as error:
            use(name)
        assert repr(name) in error.value.detail


def test_a_file_that_the_manifest_does_not_list_is_not_found(registry: Registry) -> None:
    registry.publish(IDS[0], FILES, {})
    with pytest.raises(NotFound, match=r"no file '\.\./x'; it has model.onnx, samples/Ärger 1.wav"):
        registry.model(IDS[0]).read("../x")


@pytest.mark.parametrize("stored", [b"grapf", b"grap", b"graph\0", b"", None])
def test_a_file_that_was_altered_cut_or_lost_is_refused(
    registry: Registry, store: Store, stored: bytes | None
) -> None:
    registry.publish(IDS[0], FILES, {})
    store.delete(f"{IDS[0]}/model.onnx")
    if stored is not None:
        store.create(f"{IDS[0]}/model.onnx", stored)
    model = registry.model(IDS[0])
    with pytest.raises(AlteredModel, match=f"file 'model.onnx' of model {IDS[0]} is"):
        model.read("model.onnx")
    assert model.read("samples/Ärger 1.wav") == b"RIFF"


@pytest.mark.parametrize("manifest", [b"", b"{", b"{}", b'{"model_id": "other", "files": {}}'])
def test_a_damaged_manifest_is_refused(registry: Registry, store: Store, manifest: bytes) -> None:
    store.create(f"{IDS[0]}/manifest.json", manifest)
    with pytest.raises(AlteredModel, match=f"manifest.json of model {IDS[0]}"):
        registry.model(IDS[0])


def test_an_alias_keeps_its_history(registry: Registry, store: Store) -> None:
    filled(registry)
    registry.move("production", IDS[0])
    registry.move("production", IDS[2])
    registry.move("production", IDS[2])
    assert registry.rollback("production") == IDS[0]
    stored = store.read("aliases/production.json")
    assert stored is not None
    document = msgspec.json.decode(stored.data)
    times = [move.pop("moved_at") for move in document["history"]]
    assert times == sorted(times)
    assert document == {
        "alias": "production",
        "model_id": IDS[0],
        "history": [
            {"model_id": IDS[0], "action": "move"},
            {"model_id": IDS[2], "action": "move"},
            {"model_id": IDS[0], "action": "rollback"},
        ],
    }
    assert [move.moved_at for move in registry.history("production")] == times


def test_aliases_are_listed_with_their_models_and_other_files_are_not(
    registry: Registry, store: Store
) -> None:
    filled(registry).move("production", IDS[0])
    registry.move("production-2", IDS[4])
    for stray in ("aliases/README.md", "aliases/Old.json", "aliases/old/best.json"):
        store.create(stray, b"")
    assert [*registry.aliases().items()] == [("production", IDS[0]), ("production-2", IDS[4])]


def test_an_alias_that_moves_forward_only_never_points_at_an_older_model(
    registry: Registry,
) -> None:
    filled(registry)
    for model_id in (IDS[1], IDS[3], IDS[2], IDS[3], IDS[0]):
        registry.move("latest", model_id, forward_only=True)
    assert [move.model_id for move in registry.history("latest")] == [IDS[1], IDS[3]]
    registry.move("latest", IDS[2])
    assert registry.resolve("latest") == IDS[2]


def test_the_first_move_cannot_be_rolled_back(registry: Registry) -> None:
    filled(registry).move("latest", IDS[0])
    with pytest.raises(Conflict, match=f"'latest' did not point at a model before {IDS[0]}"):
        registry.rollback("latest")
    assert registry.resolve("latest") == IDS[0]


@pytest.mark.parametrize(
    "alias", ["", "Latest", "1st", "../x", "a/b", "ä", "a" * 65, IDS[0], "a\n"]
)
def test_an_invalid_name_is_refused_for_an_alias(
    registry: Registry, store: Store, alias: str
) -> None:
    registry.publish(IDS[0], FILES, {})
    with pytest.raises(InvalidInput, match="is not a valid alias; allowed: a letter"):
        registry.move(alias, IDS[0])
    assert store.names("aliases") == []


def test_concurrent_moves_lose_no_entry_of_the_history(registry: Registry) -> None:
    filled(registry)
    with ThreadPoolExecutor(len(IDS)) as pool:
        for alias in ("latest", "production", "best"):
            list(pool.map(partial(registry.move, alias), IDS))
            assert sorted(move.model_id for move in registry.history(alias)) == IDS
            assert registry.resolve(alias) == registry.history(alias)[-1].model_id


def test_concurrent_moves_forward_end_at_the_newest(registry: Registry) -> None:
    filled(registry)
    with ThreadPoolExecutor(len(IDS)) as pool:
        list(pool.map(partial(registry.move, "latest", forward_only=True), IDS))
    assert registry.resolve("latest") == IDS[-1]


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b'{"alias": "latest", "model_id": "a", "history": []}',
        b'{"alias": "latest", "model_id": "a", "history":'
        b' [{"model_id": "b", "moved_at": "", "action": "move"}]}',
        b'{"alias": "latest", "model_id": "a", "history":'
        b' [{"model_id": "a", "moved_at": "", "action": "rollback"}]}',
    ],
)
def test_a_damaged_alias_is_reported_and_left_as_it_is(
    registry: Registry, store: Store, document: bytes
) -> None:
    registry.publish(IDS[0], FILES, {})
    store.create("aliases/latest.json", document)
    move = partial(registry.move, model_id=IDS[0])
    uses: list[Use] = [registry.resolve, registry.history, registry.rollback, move]
    for use in uses:
        with pytest.raises(Conflict, match=r"aliases/latest\.json is damaged"):
            use("latest")
    assert store.create("aliases/latest.json", b"") is False


@pytest.fixture(scope="module")
def lasting_registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    return filled(open_registry(tmp_path_factory.mktemp("registry")))


@given(steps=st.lists(st.one_of(st.sampled_from(IDS[:3]), st.just("rollback")), max_size=12))
@settings(max_examples=40, deadline=None)
def test_moves_and_rollbacks_behave_like_a_stack(
    lasting_registry: Registry, steps: list[str]
) -> None:
    alias = f"alias-{uuid.uuid4()}"
    stack: list[str] = []
    for step in steps:
        if step != "rollback":
            lasting_registry.move(alias, step)
            stack += [step] if stack[-1:] != [step] else []
        elif len(stack) > 1:
            stack.pop()
            assert lasting_registry.rollback(alias) == stack[-1]
        else:
            with pytest.raises(Conflict if stack else NotFound):
                lasting_registry.rollback(alias)
        assert lasting_registry.aliases().get(alias) == (stack[-1] if stack else None)
