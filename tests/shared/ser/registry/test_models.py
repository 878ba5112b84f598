"""Models of a registry: listed, summarised, loaded and deleted, with every store."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import buckets
import graphs
import made
from ser.errors import AlteredModel, Conflict, NotFound, SerError
from ser.registry import Registry, new_model_id, open_registry
from ser.sounds import SAMPLING_RATE
from ser.store import Store

GRAPH = graphs.model()
SIGNAL = made.signal("03a01Wa.wav")
FACTS: dict[str, Any] = {
    "corpus": {"name": "emodb"},
    "request": {"model_type": "DiscriminantClassifier"},
    "metrics": {"uar": 0.85},
    "loso": {"uar": 0.8},
}


def publish(registry: Registry, graph: bytes = GRAPH, **facts: Any) -> str:
    model_id = new_model_id()
    registry.publish(model_id, {"model.onnx": graph, "samples/a.wav": b"RIFF"}, facts)
    return model_id


def reads(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that receives the key of every read from now on."""
    keys: list[str] = []
    read = store.read

    def watched(key: str, *rest: Any) -> Any:
        keys.append(key)
        return read(key, *rest)

    monkeypatch.setattr(store, "read", watched)
    return keys


def test_models_are_listed_newest_first_and_predict(registry: Registry) -> None:
    ids = [publish(registry) for _ in range(3)]
    models = list(registry.models())
    assert [model.model_id for model in models] == ids[::-1]
    assert models[0].predict(SIGNAL, SAMPLING_RATE).speech
    assert [model.model_id for model in registry.models(limit=1)] == ids[2:]
    assert [model.model_id for model in registry.models(before=ids[1])] == ids[:1]


def test_listing_models_reads_manifests_but_no_model(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [publish(registry) for _ in range(3)]
    keys = reads(store, monkeypatch)
    models = list(registry.models(limit=2))
    assert [repr(model) for model in models] == [f"PublishedModel({id_!r})" for id_ in ids[:0:-1]]
    assert keys == [f"{model_id}/manifest.json" for model_id in ids[:0:-1]]


def test_a_damaged_manifest_is_left_out_of_a_list_with_a_warning(
    registry: Registry, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    model_id = publish(registry)
    damaged = new_model_id()
    store.create(f"{damaged}/manifest.json", b"{")
    assert [model.model_id for model in registry.models()] == [model_id]
    assert list(registry.ids()) == [damaged, model_id]
    assert damaged in caplog.text


def test_the_file_of_a_model_is_read_once_by_any_number_of_threads(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = registry.model(publish(registry))
    keys = reads(store, monkeypatch)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: model.predict(SIGNAL, SAMPLING_RATE), range(8)))
    assert keys == [f"{model.model_id}/model.onnx"]
    assert model.size == len(GRAPH)


def test_loading_reads_the_file_at_once(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = publish(registry)
    registry.move("latest", model_id)
    model = registry.load("latest")
    keys = reads(store, monkeypatch)
    assert model.labels == graphs.LABELS
    assert model.model_id == model_id
    assert keys == []


def test_a_model_whose_file_was_altered_does_not_load(registry: Registry, store: Store) -> None:
    model_id = publish(registry)
    store.delete(f"{model_id}/model.onnx")
    store.create(f"{model_id}/model.onnx", GRAPH[:-1] + b"\0")
    model = registry.model(model_id)
    with pytest.raises(AlteredModel, match="not as it was published"):
        model.predict(SIGNAL, SAMPLING_RATE)
    with pytest.raises(AlteredModel, match="not as it was published"):
        registry.load(model_id)


def test_a_summary_has_the_facts_of_the_manifest_and_all_aliases(registry: Registry) -> None:
    model_id = publish(registry, **FACTS)
    for alias in ("production", "latest"):
        registry.move(alias, model_id)
    registry.move("other", publish(registry))
    summary = registry.show("latest")
    assert summary == registry.show(model_id)
    assert (summary.model_id, summary.corpus) == (model_id, "emodb")
    assert summary.corpora == ("emodb",)
    assert summary.model_type == "DiscriminantClassifier"
    assert (summary.uar, summary.loso_uar) == (0.85, 0.8)
    assert summary.aliases == ("latest", "production")
    assert abs((datetime.now(UTC) - summary.created_at).total_seconds()) < 60
    assert str(summary) == (
        f"{model_id}  emodb  DiscriminantClassifier  "
        "UAR 0.850 (speakers left out 0.800)  latest, production"
    )


def test_a_summary_leaves_out_facts_that_are_unknown(registry: Registry) -> None:
    model_id = publish(registry)
    summary = registry.show(model_id)
    assert (summary.corpus, summary.uar, summary.loso_uar, summary.aliases) == (
        None,
        None,
        None,
        (),
    )
    assert str(summary) == f"{model_id}  no figures"


def test_a_summary_of_a_damaged_manifest_is_refused(registry: Registry) -> None:
    model_id = publish(registry, metrics={"uar": "high"})
    with pytest.raises(AlteredModel, match=f"manifest.json of model {model_id} is damaged"):
        registry.show(model_id)


def test_a_deleted_model_leaves_no_file_and_no_other_model_changes(
    registry: Registry, store: Store
) -> None:
    kept, deleted = publish(registry), publish(registry)
    registry.move("latest", kept)
    registry.delete(deleted)
    assert store.names() == [f"{kept}/", "aliases/"]
    assert registry.model("latest").is_whole()
    with pytest.raises(NotFound, match=deleted):
        registry.model(deleted)
    with pytest.raises(NotFound, match=deleted):
        registry.delete(deleted)


@pytest.mark.parametrize("by", ["id", "alias"])
def test_a_model_with_an_alias_cannot_be_deleted(registry: Registry, by: str) -> None:
    model_id = publish(registry)
    registry.move("latest", model_id)
    registry.move("production", model_id)
    with pytest.raises(Conflict, match=r"aliases latest, production point at it; allowed"):
        registry.delete(model_id if by == "id" else "latest")
    assert registry.model(model_id).is_whole()


def test_the_manifest_is_deleted_before_the_files(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = publish(registry)

    def fail(folder: str) -> None:
        raise ConnectionError(folder)

    monkeypatch.setattr(store, "sweep", fail)
    with pytest.raises(ConnectionError):
        registry.delete(model_id)
    assert list(registry.ids()) == []
    assert store.holds(f"{model_id}/model.onnx")


def test_a_model_that_gets_an_alias_while_it_is_deleted_stays(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = publish(registry)
    delete = store.delete

    def rival(key: str) -> None:
        registry.move("latest", model_id)
        delete(key)

    monkeypatch.setattr(store, "delete", rival)
    with pytest.raises(Conflict, match="alias latest points at it"):
        registry.delete(model_id)
    assert registry.model("latest").is_whole()


def test_an_alias_cannot_be_rolled_back_to_a_deleted_model(
    registry: Registry, store: Store
) -> None:
    old, new = publish(registry), publish(registry)
    registry.move("latest", old)
    registry.move("latest", new)
    store.sweep(old)  # by a program that knows no aliases
    with pytest.raises(Conflict, match=f"{old} before, which has been deleted"):
        registry.rollback("latest")
    assert registry.resolve("latest") == new


def test_all_errors_of_a_registry_are_those_of_the_package(registry: Registry) -> None:
    for use in (registry.model, registry.load, registry.show, registry.delete):
        with pytest.raises(SerError, match="no model or alias 'best'"):
            use("best")


def test_a_model_is_pickled_as_its_address(
    registry: Registry, s3_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": s3_address}.items():
        monkeypatch.setenv(name, value)
    model = registry.model(publish(registry, **FACTS)).load()
    pickled = pickle.dumps(model)
    assert len(pickled) < model.size / 2
    again = pickle.loads(pickled)
    assert (again.model_id, again.manifest) == (model.model_id, model.manifest)
    predictions = [each.predict(SIGNAL, SAMPLING_RATE).probabilities for each in (model, again)]
    assert predictions[0] == predictions[1]


def test_the_address_of_a_model_leads_there_from_another_process(
    bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_registry("model").model(publish(open_registry("model")))
    pickled = pickle.dumps(model)
    (bounds / "elsewhere").mkdir()
    monkeypatch.chdir(bounds / "elsewhere")
    assert pickle.loads(pickled).predict(SIGNAL, SAMPLING_RATE).speech is True
