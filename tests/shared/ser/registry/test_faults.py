"""A publication that fails or is killed at any point leaves a whole model, or none."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

import faults
from faults import FAULTS, FILES, Fault
from ser.errors import Conflict, RemoteFailed, StorageFull
from ser.registry import Registry, new_model_id
from ser.registry import _drafts as drafts
from ser.registry._documents import seconds_since
from ser.store import Store
from ser.store._folder import FolderStore

ID = "20261122T143105Z-1a2b3c4d"
NEWER = "20261122T143106Z-1a2b3c4d"
NONE = Fault("before")


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_of_any_call_leaves_a_whole_model_or_none_and_the_id_is_free(
    fault: Fault, tmp_path: Path
) -> None:
    require_every_fault_is_survived(lambda name: FolderStore(tmp_path / name), fault)


@pytest.mark.parametrize("fault", [Fault("after"), Fault("before", StorageFull, True)], ids=str)
def test_the_same_holds_on_s3(fault: Fault, bucket: str, client: object) -> None:
    from ser.store._s3 import S3Store

    require_every_fault_is_survived(lambda name: S3Store(bucket, name, client), fault)


def require_every_fault_is_survived(open_store: Callable[[str], Store], fault: Fault) -> None:
    calls = faults.publish_with_fault(open_store("counted"), ID, 0, fault)
    assert len(calls) > 10
    for number in range(1, len(calls) + 1):
        store = open_store(str(number))
        faults.publish_with_fault(store, ID, number, fault)
        published = faults.require_whole_or_none(store)
        try:
            Registry(store).publish(ID, FILES, {})
        except Conflict:
            assert published == [ID], f"the id is not free after a fault of {calls[number - 1]}"
        assert faults.require_whole_or_none(store) == [ID]
        faults.require_no_leftovers(store)


def test_a_disk_that_is_full_after_the_manifest_leaves_a_whole_model(store: Store) -> None:
    calls = faults.publish_with_fault(store, NEWER, 0, NONE)
    number = calls.index(f"create {NEWER}/manifest.json") + 1
    faults.publish_with_fault(store, ID, number, Fault("after", StorageFull, lasting=True))
    assert ID not in faults.require_whole_or_none(store) or Registry(store).model(ID).is_whole()
    faulty = faults.FaultyStore(store, number, Fault("after", StorageFull))
    Registry(faulty).publish(ID[:-1] + "e", FILES, {})  # which has succeeded
    assert ID[:-1] + "e" in faults.require_whole_or_none(store)


def test_a_manifest_that_is_written_after_its_failure_finds_its_files(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, late = store.create, []

    def without_answer(key: str, data: bytes) -> bool:
        if key.endswith("manifest.json"):
            late.append((key, data))
            raise RemoteFailed("no answer")
        return create(key, data)

    monkeypatch.setattr(store, "create", without_answer)
    with pytest.raises(RemoteFailed, match="no answer"):
        Registry(store).publish(ID, FILES, {})
    create(*late[0])
    assert faults.require_whole_or_none(store) == [ID]


def left_by_a_killed_publisher(store: Store, model_id: str, *, hours: float = 2) -> None:
    """Leave a file and the draft of another process, which was renewed ``hours`` ago."""
    renewed = datetime.now(UTC) - timedelta(hours=hours)
    document = {"owner": "1-other", "renewed_at": renewed.isoformat()}
    store.create(f"publications/{model_id}.json", msgspec.json.encode(document))
    store.create(f"{model_id}/model.onnx", b"graph")


def test_two_sweeps_remove_what_a_killed_publisher_has_left(store: Store) -> None:
    registry = Registry(store)
    registry.publish(NEWER, FILES, {})
    left_by_a_killed_publisher(store, ID)
    assert registry.sweep() == []
    assert registry.sweep(seconds=0, dry_run=True) == [ID]
    assert store.names(ID) == ["model.onnx"]
    assert registry.sweep(seconds=0) == [ID]
    assert store.names() == [f"{NEWER}/"]
    registry.publish(ID, FILES, {})


def test_a_publication_whose_lease_is_not_over_stays_and_its_id_is_taken(store: Store) -> None:
    registry = Registry(store)
    left_by_a_killed_publisher(store, ID, hours=0.5)
    for _ in range(3):
        assert registry.sweep() == []
    with pytest.raises(Conflict, match=f"model {ID} that is being published"):
        registry.publish(ID, FILES, {})
    assert store.names() == [f"{ID}/", "publications/"]


def test_a_publication_sweeps_the_leftovers_of_others_in_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_a_killed_publisher(store, ID)
    registry = Registry(store)
    registry.publish(new_model_id(), FILES, {})  # asks
    monkeypatch.setattr(drafts, "seconds_since", lambda time: 4000.0)
    registry.publish(new_model_id(), FILES, {})
    assert f"{ID}/" not in store.names()


def test_leftovers_without_a_draft_are_removed_by_the_third_sweep_at_the_latest(
    store: Store,
) -> None:
    store.create(f"{ID}/model.onnx", b"of version 0.1.0")
    registry = Registry(store)
    assert registry.sweep() == []
    assert store.names(ID) == ["model.onnx"]
    removed = [registry.sweep(seconds=0) for _ in range(2)]
    assert removed[1] == [ID] or removed[0] == [ID]
    assert store.names() == []


def test_a_clock_that_jumps_removes_no_publication_that_is_alive(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "RENEWAL_SECONDS", 0.0)
    sweeper, real = Registry(store), seconds_since
    jumped: list[str] = []

    class SweptMeanwhile(dict[str, bytes]):
        """Files between which another machine sweeps, whose clock is days ahead."""

        def __getitem__(self, name: str) -> bytes:
            with monkeypatch.context() as patch:
                patch.setattr(drafts, "seconds_since", lambda time: real(time) + 1e6)
                jumped.extend(sweeper.sweep())
            return super().__getitem__(name)

    Registry(store).publish(ID, SweptMeanwhile(FILES), {})
    assert jumped == []
    assert faults.require_whole_or_none(store) == [ID]


def test_a_publisher_that_was_given_up_publishes_nothing(store: Store) -> None:
    class Removed(dict[str, bytes]):
        def __getitem__(self, name: str) -> bytes:
            if name.startswith("samples"):
                Registry(store).discard(ID)
            return super().__getitem__(name)

    with pytest.raises(Conflict, match="given up by another process"):
        Registry(store).publish(ID, Removed(FILES), {})
    assert list(Registry(store).ids()) == []
    faults.require_no_leftovers(store)


def test_a_damaged_draft_is_swept(store: Store) -> None:
    store.create(f"publications/{ID}.json", b"\xff[[[")
    store.create(f"{ID}/model.onnx", b"graph")
    registry = Registry(store)
    assert registry.sweep(seconds=0) + registry.sweep(seconds=0) == [ID]
    assert store.names() == []


def test_publishers_that_are_killed_leave_whole_models_and_sweeps_remove_the_rest(
    tmp_path: Path,
) -> None:
    seconds = random.Random(0)
    for _ in range(3):
        faults.kill_publisher(str(tmp_path), seconds.uniform(0.0, 0.15))
    store = FolderStore(tmp_path)
    assert len(faults.require_whole_or_none(store)) >= 3
    faults.require_no_leftovers(store)
    assert not faults.hidden_files(tmp_path)
    assert Registry(store).model("latest").is_whole()


def test_the_error_of_a_store_that_fails_is_raised(store: Store) -> None:
    faulty = faults.FaultyStore(store, 3, Fault("before", RemoteFailed))
    with pytest.raises(RemoteFailed, match="call 3 fails"):
        Registry(faulty).publish(ID, FILES, {})
