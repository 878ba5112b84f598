"""GET /models, /models/<id> and /aliases, POST /aliases/<alias>, DELETE /models/<id>."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import graphs
import made
from clients import Client
from ser.registry import Registry, open_registry
from ser.service.keys import line_of, new_key
from ser.service.models import ALIAS_SECONDS

SOUND = made.sound(made.signal("03a01Wa.wav"))
FACTS: dict[str, Any] = {
    "corpus": {"name": "emodb"},
    "request": {"preset": "light", "model_type": "DiscriminantClassifier"},
    "metrics": {"uar": 0.85, "wa": 0.86},
    "loso": {"uar": 0.8},
    "classes": ["W - Ärger"],
    "labels": [{"code": "W", "name": "Ärger", "emotion": "anger"}],
    "versions": {"ser": "0.1.0"},
    "notes": ["a remark"],
}


@pytest.fixture
def registry(bounds: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """The registry of the setting."""
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(bounds / "model"))
    return open_registry(bounds / "model")


def publish(registry: Registry, **facts: Any) -> str:
    return graphs.publish(Path(registry.uri), graphs.model(), **facts)


def test_models_are_listed_newest_first_and_page_by_page(
    predict: Client, registry: Registry
) -> None:
    ids = [publish(registry, **FACTS) for _ in range(5)]
    registry.move("production", ids[1])
    pages, before = [], ""
    while True:
        page = predict.get(f"/models?limit=2{before}").json
        pages.append([each["model_id"] for each in page["models"]])
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert pages == [[ids[4], ids[3]], [ids[2], ids[1]], [ids[0]]]
    entry = predict.get(f"/models?limit=1&before={ids[2]}").json["models"][0]
    created = entry.pop("created")
    assert created == registry.model(ids[1]).manifest["created_at"]
    assert entry == {
        "model_id": ids[1],
        "corpora": ["emodb"],
        "preset": "light",
        "model_type": "DiscriminantClassifier",
        "figures": {"uar": 0.85, "loso_uar": 0.8},
        "aliases": ["production"],
    }


def test_a_page_that_is_exactly_full_is_the_last_one(predict: Client, registry: Registry) -> None:
    publish(registry)
    publish(registry)
    page = predict.get("/models?limit=2").json
    assert (len(page["models"]), page["next"]) == (2, None)
    # A model without figures has none, and no others in their place.
    assert page["models"][0]["figures"] == {}
    assert page["models"][0]["corpora"] == []


def test_without_a_registry_the_model_of_the_package_is_listed(predict: Client) -> None:
    (entry,) = predict.get("/models").json["models"]
    assert (entry["model_id"], entry["corpora"], entry["preset"]) == ("ready", ["emodb"], "light")
    details = predict.get("/models/ready").json
    assert "anger" in details["emotions"]
    assert len(details["emotions"]) == len(details["labels"]) == 7
    assert predict.get("/aliases").json == {"aliases": []}


def test_a_request_without_a_model_takes_production_else_latest_and_says_which(
    predict: Client, registry: Registry
) -> None:
    old, new = publish(registry), publish(registry)
    registry.move("latest", new)

    def taken(**fields: str) -> tuple[str, str | None]:
        answer = predict.post("/predict", query_string=fields, data=SOUND, content_type="audio/wav")
        assert answer.status_code == 200, answer.text
        return answer.json["model_id"], answer.json.get("alias")

    assert taken() == (new, "latest")
    assert taken(model_id="latest") == (new, None)
    predict.post("/aliases/production", json={"model_id": old})
    time.sleep(ALIAS_SECONDS)
    assert taken() == (old, "production")


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_a_page_has_a_bounded_size(predict: Client, registry: Registry, limit: str) -> None:
    refused = predict.get(f"/models?limit={limit}")
    assert refused.status_code == 422
    assert refused.json["errors"][0]["loc"] == ["limit"]


def test_a_model_is_shown_by_id_and_by_alias(predict: Client, registry: Registry) -> None:
    model_id = publish(registry, **FACTS)
    registry.move("production", model_id)
    shown = predict.get(f"/models/{model_id}").json
    assert shown == predict.get("/models/production").json
    assert shown["labels"] == ["W - Ärger"]
    assert shown["emotions"] == ["anger"]
    assert shown["metrics"] == FACTS["metrics"]
    assert shown["request"] == FACTS["request"]
    assert shown["size"] == len(graphs.model())
    assert shown["aliases"] == ["production"]
    for name in ("20261122T152630Z-f05f17da", "best"):
        unknown = predict.get(f"/models/{name}")
        assert unknown.status_code == 404
        assert "its aliases: production" in unknown.json["detail"]


def test_a_manifest_of_another_form_is_409_alone_and_missing_in_a_list(
    predict: Client, registry: Registry
) -> None:
    good = publish(registry)
    for facts in ({"metrics": {"uar": "high"}}, {"classes": 7}):
        bad = publish(registry, **facts)
        assert predict.get(f"/models/{bad}").status_code == 409
    listed = [each["model_id"] for each in predict.get("/models").json["models"]]
    assert good in listed
    assert len(listed) == 2


def test_an_alias_moves_and_is_rolled_back_with_its_history(
    predict: Client, registry: Registry
) -> None:
    old, new = publish(registry), publish(registry)
    for model_id in (old, new):
        moved = predict.post("/aliases/production", json={"model_id": model_id})
        assert (moved.status_code, moved.json["model_id"]) == (200, model_id)
    back = predict.post("/aliases/production", json={"rollback": True}).json
    assert back["model_id"] == old == registry.resolve("production")
    changes = [(each["model_id"], each["action"]) for each in back["history"]]
    assert changes == [(old, "move"), (new, "move"), (old, "rollback")]
    assert predict.get("/aliases").json == {"aliases": [back]}
    again = predict.post("/aliases/production", json={"rollback": "true"})
    assert (again.status_code, again.json["title"]) == (409, "Conflict")
    # One alias may follow another.
    predict.post("/aliases/staging", json={"model_id": "production"})
    assert registry.resolve("staging") == old


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 422, "neither is given; allowed: either model_id, or rollback true"),
        ({"rollback": False}, 422, "neither is given"),
        ({"rollback": True, "model_id": "latest"}, 422, "both are given"),
        ({"model_id": "20261122T152630Z-f05f17da"}, 404, "no model or alias"),
        ({"rollback": True}, 404, "no model or alias 'production'"),
        ({"model": "latest"}, 422, "unknown field"),
    ],
)
def test_a_change_that_does_not_fit_is_refused(
    predict: Client, registry: Registry, body: dict[str, Any], status: int, words: str
) -> None:
    refused = predict.post("/aliases/production", json=body)
    assert refused.status_code == status
    assert words in refused.json["detail"]
    assert registry.aliases() == {}


@pytest.mark.parametrize("alias", ["Production", "ready", "20261122T152630Z-f05f17da", "a%20b"])
def test_a_name_that_no_alias_has_is_refused(
    predict: Client, registry: Registry, alias: str
) -> None:
    refused = predict.post(f"/aliases/{alias}", json={"model_id": publish(registry)})
    assert refused.status_code == 422
    assert refused.json["errors"][0]["loc"] == ["alias"]


def test_a_model_is_deleted_unless_an_alias_leads_to_it(
    predict: Client, registry: Registry
) -> None:
    unused, old, new = (publish(registry) for _ in range(3))
    registry.move("production", old)
    registry.move("production", new)
    for kept, words in ((new, "alias production points at it"), (old, "a rollback of alias")):
        refused = predict.delete(f"/models/{kept}")
        assert (refused.status_code, refused.json["title"]) == (409, "Conflict")
        assert words in refused.json["detail"]
    assert predict.delete("/models/production").status_code == 409
    deleted = predict.delete(f"/models/{unused}")
    assert (deleted.status_code, deleted.json) == (200, {"model_id": unused})
    assert predict.delete(f"/models/{unused}").status_code == 404
    assert list(registry.ids()) == [new, old]


def test_the_model_of_the_package_cannot_be_deleted(predict: Client, registry: Registry) -> None:
    refused = predict.delete("/models/ready")
    assert refused.status_code == 409
    assert "part of the software" in refused.json["detail"]


def test_a_request_may_name_another_registry_within_the_allowed_paths(
    predict: Client, registry: Registry, bounds: Path
) -> None:
    model_id = graphs.publish(bounds / "other", graphs.model())
    body = {"model_id": model_id, "model_save_path": str(bounds / "other")}
    assert predict.post("/aliases/production", json=body).status_code == 200
    assert registry.aliases() == {}
    place = f"model_save_path={bounds / 'other'}"
    assert [each["model_id"] for each in predict.get(f"/models?{place}").json["models"]] == [
        model_id
    ]
    for path in ("/models", "/aliases", f"/models/{model_id}"):
        refused = predict.get(f"{path}?model_save_path=/etc")
        assert (refused.status_code, refused.json["errors"][0]["loc"]) == (422, ["model_save_path"])


def test_reading_needs_the_scope_predict_and_changing_the_scope_manage(
    predict: Any, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id, unused = publish(registry), publish(registry)
    keys = {scope: new_key() for scope in ("predict", "manage", "train")}
    lines = [line_of(key, scope, scope) for scope, key in keys.items()]
    monkeypatch.setenv("SER_API_KEYS", "\n".join(lines))
    asked = {
        "predict": [("GET", "/models"), ("GET", f"/models/{model_id}"), ("GET", "/aliases")],
        "manage": [("POST", "/aliases/production"), ("DELETE", f"/models/{unused}")],
    }
    for scope, requests in asked.items():
        for method, path in requests:
            body = {"json": {"model_id": model_id}} if method == "POST" else {}
            for other in keys.keys() - {scope}:
                headers = {"Authorization": f"Bearer {keys[other]}"}
                refused = predict.open(path, method=method, headers=headers, **body)
                assert refused.status_code == 403, (method, path, other)
            headers = {"Authorization": f"Bearer {keys[scope]}"}
            answered = predict.open(path, method=method, headers=headers, **body)
            assert answered.status_code == 200, answered.text
    assert list(registry.ids()) == [model_id]
