"""Predict after its first requests: models in memory, access to registries, and threads."""

from __future__ import annotations

import os
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

import graphs
import made
from ser.errors import AlteredModel, NotFound
from ser.model import Model, Prediction
from ser.registry import Registry, open_registry
from ser.service.answers import PredictAnswer
from ser.service.inference import Predictor, PredictRequest, predictor
from ser.service.inference.uploads import Upload, Uploads
from ser.service.models import ALIAS_SECONDS, Models
from ser.service.settings import Settings
from ser.store._folder import FolderStore

RULES = Settings().model_rules
SOUND = b64encode(made.sound(made.signal("03a01Wa.wav"))).decode()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The accesses to folders in order: ``read key``, ``holds key`` or ``names folder``."""
    calls: list[str] = []

    def watch(name: str) -> None:
        method: Callable[..., Any] = getattr(FolderStore, name)

        def watched(store: FolderStore, *arguments: Any) -> Any:
            calls.append(" ".join((name, *arguments[:1])))
            return method(store, *arguments)

        monkeypatch.setattr(FolderStore, name, watched)

    for name in ("read", "holds", "names"):
        watch(name)
    return calls


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return open_registry(tmp_path)


def test_a_model_in_memory_is_used_without_access_to_the_registry(
    tmp_path: Path, asked: list[str]
) -> None:
    model_id = graphs.publish(tmp_path, graphs.model())
    years = count(step=10**8)
    models = Models(clock=lambda: next(years))
    first = models.get(str(tmp_path), model_id, RULES)
    assert f"read {model_id}/model.onnx" in asked
    asked.clear()
    assert models.get(str(tmp_path), model_id, RULES) is first
    assert asked == []


def test_an_alias_is_read_at_intervals_and_then_followed(
    tmp_path: Path, registry: Registry, asked: list[str]
) -> None:
    old, new = (graphs.publish(tmp_path, graphs.model()) for _ in range(2))
    now = 0.0
    models = Models(clock=lambda: now)
    registry.move("production", old)
    assert models.get(str(tmp_path), "production", RULES).model_id == old
    registry.move("production", new)
    models.get(str(tmp_path), new, RULES)
    asked.clear()
    now = ALIAS_SECONDS / 2
    assert models.get(str(tmp_path), "production", RULES).model_id == old
    assert asked == []
    now = ALIAS_SECONDS
    assert models.get(str(tmp_path), "production", RULES).model_id == new
    assert asked == ["read aliases/production.json"]


def test_an_answer_during_the_move_of_an_alias_belongs_to_one_model(
    tmp_path: Path, registry: Registry
) -> None:
    digests = ["0f" * 32, "a1" * 32]
    made_with = {
        graphs.publish(tmp_path, graphs.model(front_end_digest=digest)): digest
        for digest in digests
    }
    registry.move("latest", next(iter(made_with)))
    hours = count(step=3600)
    models = Models(clock=lambda: next(hours))

    def ask(_: int) -> bool:
        kept = models.get(str(tmp_path), "latest", RULES)
        return made_with[kept.model_id] == kept.properties.front_end

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(ask, range(40))
        for model_id in [*made_with] * 5:
            registry.move("latest", model_id)
        assert all(answers)


def test_concurrent_first_requests_load_a_model_once(tmp_path: Path, asked: list[str]) -> None:
    model_id = graphs.publish(tmp_path, graphs.model())
    models = Models()
    together = threading.Barrier(8)

    def ask(_: int) -> Model:
        together.wait()
        return models.get(str(tmp_path), model_id, RULES)

    with ThreadPoolExecutor(8) as pool:
        assert len({id(model) for model in pool.map(ask, range(8))}) == 1
    assert asked.count(f"read {model_id}/model.onnx") == 1


def test_concurrent_first_requests_open_a_registry_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def slowly(uri: str, **rules: Any) -> Registry:
        time.sleep(0.05)
        opened.append(uri)
        return open_registry(uri, **rules)

    monkeypatch.setattr("ser.service.models.open_registry", slowly)
    models = Models()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: models.registry(str(tmp_path), RULES), range(8)))
    assert opened == [str(tmp_path)]


def test_loading_a_model_is_retried_after_a_failure(tmp_path: Path) -> None:
    model_id = graphs.publish(tmp_path, graphs.model())
    file = tmp_path / model_id / "model.onnx"
    data = file.read_bytes()
    file.write_bytes(data[:-1])
    models = Models()
    with pytest.raises(AlteredModel):
        models.get(str(tmp_path), model_id, RULES)
    file.write_bytes(data)
    assert models.get(str(tmp_path), model_id, RULES).model_id == model_id


def test_the_least_recently_used_model_is_dropped_first(tmp_path: Path, asked: list[str]) -> None:
    data = graphs.model()
    first, second, third = (graphs.publish(tmp_path, data) for _ in range(3))
    models = Models(max_bytes=2 * len(data))
    asked.clear()
    for model_id in (first, second, first, third, first, second):
        models.get(str(tmp_path), model_id, RULES)
    loaded = [call.split()[1].split("/")[0] for call in asked if call.endswith("model.onnx")]
    assert loaded == [first, second, third, second]


def test_a_missing_name_is_the_alias_production_if_there_is_one_and_latest_otherwise(
    tmp_path: Path, registry: Registry, asked: list[str]
) -> None:
    old, new = (graphs.publish(tmp_path, graphs.model()) for _ in range(2))
    now = 0.0
    models = Models(clock=lambda: now)
    with pytest.raises(NotFound, match="latest"):
        models.get(str(tmp_path), None, RULES)
    registry.move("latest", new)
    asked.clear()
    found = models.find(str(tmp_path), None, RULES)
    assert (found.model.model_id, found.alias) == (new, "latest")
    # One read finds no `production`; a folder needs no file to answer it.
    assert asked[:2] == ["read aliases/production.json", "read aliases/latest.json"]
    assert not [call for call in asked if call.startswith("names")]
    asked.clear()
    assert models.get(str(tmp_path), None, RULES).model_id == new
    assert asked == []
    registry.move("production", old)
    now = ALIAS_SECONDS
    asked.clear()
    found = models.find(str(tmp_path), None, RULES)
    assert (found.model.model_id, found.alias) == (old, "production")
    assert asked[0] == "read aliases/production.json"
    assert "read aliases/latest.json" not in asked


def test_a_model_above_the_limit_is_the_only_one_in_memory(tmp_path: Path) -> None:
    model_id = graphs.publish(tmp_path, graphs.model())
    models = Models(max_bytes=1)
    kept = models.get(str(tmp_path), model_id, RULES)
    assert models.get(str(tmp_path), model_id, RULES) is kept


@pytest.fixture
def ask(tmp_path: Path) -> Callable[[int], PredictAnswer]:
    """Predict a number of sounds in one request."""
    settings = Settings(allowed_paths=(tmp_path,))
    model_id = graphs.publish(tmp_path, graphs.model())
    return lambda sounds: Predictor().predict(
        PredictRequest(
            model_id=model_id,
            model_save_path=str(tmp_path),
            audio=Uploads([Upload(SOUND)] * sounds),
        ),
        settings,
    )


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The threads that predicted sounds, one for each sound."""
    threads: list[int] = []
    predict = Model.predict

    def watched(model: Model, *arguments: Any, **options: Any) -> Prediction:
        threads.append(threading.get_ident())
        return predict(model, *arguments, **options)

    monkeypatch.setattr(Model, "predict", watched)
    return threads


def test_several_sounds_of_a_request_are_predicted_concurrently(
    ask: Callable[[int], PredictAnswer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    predict, together = Model.predict, threading.Barrier(2)

    def meeting(model: Model, *arguments: Any, **options: Any) -> Prediction:
        together.wait(timeout=30)  # breaks if one sound waits for the other
        return predict(model, *arguments, **options)

    monkeypatch.setattr(Model, "predict", meeting)
    assert len(ask(4).prediction) == 4


def test_the_number_of_threads_is_bounded(
    ask: Callable[[int], PredictAnswer], workers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    ask(50)
    assert len(workers) == 50
    assert len(set(workers)) <= predictor.MAX_THREADS


def test_a_single_sound_is_predicted_in_the_thread_of_the_request(
    ask: Callable[[int], PredictAnswer], workers: list[int]
) -> None:
    ask(1)
    assert workers == [threading.get_ident()]
