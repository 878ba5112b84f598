"""Deletion and sweeps take only models that no alias leads to, with every store."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ser.errors import Busy, Conflict, InvalidInput, NotFound
from ser.registry import Registry, new_model_id, open_registry
from ser.store import Store

FILES = {"model.onnx": b"graph"}


def published(registry: Registry, number: int) -> list[str]:
    """Publish that many models, and return their ids, oldest first."""
    ids = [new_model_id() for _ in range(number)]
    for model_id in ids:
        registry.publish(model_id, FILES, {})
    return ids


def test_a_model_that_a_rollback_would_bring_back_cannot_be_deleted(registry: Registry) -> None:
    first, second, third = published(registry, 3)
    for model_id in (first, second, third):
        registry.move("production", model_id)
    registry.delete(first)
    with pytest.raises(Conflict, match="a rollback of alias production leads to it; allowed"):
        registry.delete(second)
    assert registry.rollback("production") == second
    # What was rolled back is reached by no name.
    registry.delete(third)
    with pytest.raises(Conflict, match="alias production points at it"):
        registry.delete(second)


def test_all_reasons_to_keep_a_model_are_named(registry: Registry) -> None:
    old, new = published(registry, 2)
    for alias in ("production", "staging"):
        registry.move(alias, old)
        registry.move(alias, new)
    registry.move("latest", old)
    reasons = "alias latest points at it, and a rollback of aliases production, staging leads to it"
    with pytest.raises(Conflict, match=reasons):
        registry.delete(old)


def test_a_sweep_keeps_the_newest_models_and_those_that_aliases_lead_to(
    registry: Registry,
) -> None:
    ids = published(registry, 6)
    registry.move("production", ids[0])
    registry.move("production", ids[1])
    shown = registry.sweep(2, seconds=0, dry_run=True)
    assert shown == [ids[3], ids[2]]
    assert list(registry.ids()) == ids[::-1]
    assert registry.sweep(2, seconds=0) == shown
    assert list(registry.ids()) == [ids[5], ids[4], ids[1], ids[0]]
    assert registry.sweep(2, seconds=0) == []
    assert registry.rollback("production") == ids[0]


def test_a_sweep_without_a_number_keeps_all_models(registry: Registry) -> None:
    ids = published(registry, 2)
    assert registry.sweep(seconds=0) == []
    assert list(registry.ids()) == ids[::-1]


def test_a_sweep_keeps_young_models_whose_training_may_still_move_an_alias(
    registry: Registry, store: Store
) -> None:
    # The id of a model that a job trains is as old as the job.
    old_id = "20250101T000000Z-00000000"
    registry.publish(old_id, FILES, {})
    published(registry, 1)
    assert registry.sweep(1) == []
    stored = store.read(f"{old_id}/manifest.json")
    assert stored is not None
    manifest = msgspec.json.decode(stored.data) | {"created_at": "2025-01-01T00:00:00.000000Z"}
    assert store.replace(f"{old_id}/manifest.json", stored, msgspec.json.encode(manifest))
    assert registry.sweep(1) == [old_id]


def test_a_model_with_a_damaged_manifest_is_swept_like_others(
    registry: Registry, store: Store
) -> None:
    published(registry, 1)
    store.create("20250101T000000Z-00000000/manifest.json", b"{")
    assert registry.sweep(1) == ["20250101T000000Z-00000000"]


def test_a_negative_number_of_models_is_refused(registry: Registry) -> None:
    with pytest.raises(InvalidInput, match="-1 models cannot be kept; allowed"):
        registry.sweep(-1)


def test_a_sweep_leaves_a_model_to_which_an_alias_moves_in_the_last_moment(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, _ = published(registry, 2)
    delete = store.delete

    def rival(key: str) -> None:
        registry.move("production", old)
        delete(key)

    monkeypatch.setattr(store, "delete", rival)
    assert registry.sweep(1, seconds=0) == []
    assert registry.model("production").is_whole()


@pytest.mark.parametrize("before", [0, 1], ids=["new alias", "older alias"])
def test_an_alias_that_moves_to_a_model_while_it_is_deleted_leads_to_no_deleted_model(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    kept, deleted = published(registry, 2)
    if before:
        registry.move("production", kept)
    rival = deletes_before_the_alias_is_written(registry, store, deleted)
    for name in ("create", "replace"):
        monkeypatch.setattr(store, name, rival(getattr(store, name)))
    with pytest.raises(NotFound, match=deleted):
        registry.move("production", deleted)
    assert registry.aliases() == ({"production": kept} if before else {})


def deletes_before_the_alias_is_written(
    registry: Registry, store: Store, model_id: str
) -> Callable[[Callable[..., bool]], Callable[..., bool]]:
    """Return a wrapper of a write that deletes a model before the first write of an alias."""
    waiting = [model_id]

    def wrap(write: Callable[..., bool]) -> Callable[..., bool]:
        def wrapped(key: str, *rest: object) -> bool:
            if key.startswith("aliases/") and waiting:
                registry.delete(waiting.pop())
            return write(key, *rest)

        return wrapped

    return wrap


def test_concurrent_moves_sweeps_and_deletions_leave_every_alias_with_a_whole_model(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.registry._retention.age", lambda *_: 1e9)
    ids = published(registry, 6)
    registry.move("production", ids[-1])

    def act(number: int) -> None:
        try:
            if number % 3 == 0:
                registry.sweep(1)
            elif number % 3 == 1:
                registry.delete(ids[number % 5])
            else:
                registry.move("production", ids[number % 5])
        except (Busy, Conflict, NotFound):
            pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(act, range(24)))
    assert registry.model("production").is_whole()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(st.integers(-1, 4), max_size=8), keep=st.integers(0, 5))
def test_a_sweep_takes_exactly_what_no_name_reaches(
    tmp_path: Path, moves: list[int], keep: int
) -> None:
    registry = open_registry(tmp_path / os.urandom(8).hex())
    ids = published(registry, 5)
    stack: list[str] = []
    for step in moves:
        if step >= 0 and stack[-1:] != [ids[step]]:
            registry.move("production", ids[step])
            stack.append(ids[step])
        elif step < 0 and len(stack) > 1:
            registry.rollback("production")
            stack.pop()
    reachable = {*ids[len(ids) - keep :], *stack[-2:]}
    assert set(registry.sweep(keep, seconds=0)) == {*ids} - reachable
    assert set(registry.ids()) == reachable


def test_an_alias_moves_only_from_the_model_that_was_looked_at(registry: Registry) -> None:
    old, new = published(registry, 2)
    with pytest.raises(Conflict, match="'production' points at no model; allowed: 2"):
        registry.move("production", new, replacing=old)
    registry.move("production", old, replacing="")
    with pytest.raises(Conflict, match=f"points at {old}; allowed: no model"):
        registry.move("production", new, replacing="")
    registry.move("production", new, replacing=old)
    assert registry.resolve("production") == new


def test_the_first_alias_that_exists_is_found_with_one_read_for_each(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (model_id,) = published(registry, 1)
    registry.move("latest", model_id)
    asked: list[str] = []

    def watch(method: Callable[..., Any]) -> Callable[..., Any]:
        def watched(key: str, *rest: Any) -> Any:
            asked.append(key)
            return method(key, *rest)

        return watched

    for name in ("read", "names", "holds"):
        monkeypatch.setattr(store, name, watch(getattr(store, name)))
    assert registry.first(("production", "latest")) == ("latest", model_id)
    assert asked == ["aliases/production.json", "aliases/latest.json"]
    with pytest.raises(NotFound, match="'best'"):
        registry.first(("good", "best"))
