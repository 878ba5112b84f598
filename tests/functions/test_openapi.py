"""The OpenAPI documents describe the paths that exist and the answers that are sent."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator import validate as validate_document

import graphs
import made
from clients import ROOT, Response, client_of
from ser.registry import open_registry
from ser.training import answer_of

Document = dict[str, Any]

FUNCTIONS = ("train", "predict")
UNDOCUMENTED = {
    *("/", "/healthz", "/readyz", "/metrics", "/train/metrics", "/predict/metrics"),
    *("/openapi.json", "/train/openapi.json", "/predict/openapi.json"),
    *("/docs", "/assets/{digest}/{name}"),
}
"""Paths for operators, for the documents themselves and for the page in browsers."""
FILES = ("text/html", "application/octet-stream")
METHODS = ("get", "put", "post", "delete", "patch")


def document_of(name: str) -> Document:
    """Return the document of one function."""
    document: Document = client_of(name).get("/openapi.json").json
    return document


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Document:
    """The document of both functions behind one address."""
    monkeypatch.setenv("SER_GATEWAY", "true")
    return document_of("predict")


def operations(document: Document) -> set[tuple[str, str]]:
    """Return the documented methods and paths."""
    return {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }


def answered_operations(client: Any) -> set[tuple[str, str]]:
    """Return the methods and paths that a function answers, as its refusals list them."""
    listed = client.get("/no/such/path").json["detail"].partition("allowed: ")[2].rstrip(".")
    found = set()
    for path in listed.split(", "):
        filled = re.sub(r"\{\w+\}", "x", path)
        refused = client.open(filled, method="PATCH")
        assert refused.status_code == 405
        found |= {
            (method, path)
            for method in refused.headers["Allow"].split(", ")
            if method not in ("HEAD", "OPTIONS")
        }
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_documents_the_operations_that_it_answers(name: str) -> None:
    client = client_of(name)
    answered = {each for each in answered_operations(client) if each[1] not in UNDOCUMENTED}
    documented = operations(client.get("/openapi.json").json)
    # A literal path also answers the methods of a path with a placeholder that it matches.
    inherited = {
        (method, literal)
        for _, literal in documented
        for method, path in documented
        if literal != path and re.fullmatch(re.sub(r"\{\w+\}", "[^/{}]+", path), literal)
    }
    assert documented | inherited == answered


def test_documents_are_valid_openapi(whole: Document) -> None:
    for document in (whole, document_of("train"), document_of("predict")):
        validate_document(document, cls=OpenAPIV31SpecValidator)
        assert document["openapi"].startswith("3.1")
        assert "security" not in document


def test_behind_a_gateway_one_document_describes_both_functions(whole: Document) -> None:
    parts = [client_of(name).get(f"/{name}/openapi.json").json for name in FUNCTIONS]
    assert operations(whole) == set().union(*map(operations, parts))
    for part in parts:
        assert part["components"]["schemas"].items() <= whole["components"]["schemas"].items()


def test_every_operation_has_a_name_a_tag_and_its_problems(whole: Document) -> None:
    found = [each for path in whole["paths"].values() for each in path.values()]
    assert len({each["operationId"] for each in found}) == len(found)
    for each in found:
        assert each["tags"][0] in FUNCTIONS
        assert each["summary"]
        assert each["responses"]["500"] == {"$ref": "#/components/responses/Problem"}
        answer = next(iter(each["responses"]["200"]["content"].items()))
        assert answer[0] in FILES or answer[1]["example"]


def test_every_form_of_a_body_is_documented(whole: Document) -> None:
    bodies = {
        path: set(item["post"]["requestBody"]["content"])
        for path, item in whole["paths"].items()
        if "post" in item
    }
    audio = {"audio/wav", "audio/flac", "audio/ogg", "audio/mpeg"}
    assert bodies == {
        "/train": {"application/json"},
        "/events": {"application/json"},
        "/predict": {"application/json", "multipart/form-data", *audio},
        "/aliases/{alias}": {"application/json"},
    }


def test_a_preset_may_stand_for_the_type_and_a_model_of_the_package_for_the_registry(
    whole: Document,
) -> None:
    schemas = whole["components"]["schemas"]
    assert schemas["TrainRequest"]["required"] == ["data_path", "remote_url"]
    assert "required" not in schemas["PredictRequest"]
    assert schemas["TrainRequest"]["properties"]["preset"]["anyOf"][0]["enum"] == [
        "accurate",
        "light",
    ]


def test_every_field_of_a_request_has_a_description(whole: Document) -> None:
    for name in ("TrainRequest", "PredictRequest", "PredictForm"):
        for field in whole["components"]["schemas"][name]["properties"].values():
            assert field["description"]
    remote_url = whole["components"]["schemas"]["TrainRequest"]["properties"]["remote_url"]
    assert "gs://" in remote_url["description"]


def closed(schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``schemas`` in which no object may have a property that is not documented."""
    return {
        name: schema
        | ({"additionalProperties": False} if "additionalProperties" not in schema else {})
        if schema.get("type") == "object"
        else schema
        for name, schema in schemas.items()
    }


def refuse_undocumented(document: Document, method: str, path: str, response: Response) -> None:
    """Fail unless ``response`` is as ``document`` describes it, without additional properties."""
    described = document["paths"][path][method]["responses"][str(response.status_code)]
    if "$ref" in described:
        described = document["components"]["responses"]["Problem"]
    promised = set(described["headers"])
    if response.status_code not in (202, 429, 503):
        promised -= {"Retry-After"}
    if response.status_code not in (401, 403):
        promised -= {"WWW-Authenticate"}
    assert promised <= set(response.headers.keys())
    schema = described["content"][response.mimetype]["schema"]
    components = {"schemas": closed(document["components"]["schemas"])}
    Draft202012Validator({**schema, "components": components}).validate(response.json)


def test_examples_are_valid(whole: Document) -> None:
    components = {"components": {"schemas": closed(whole["components"]["schemas"])}}
    for path in whole["paths"].values():
        for operation in path.values():
            contents = [operation["responses"]["200"]["content"]]
            if "requestBody" in operation:
                contents.append(operation["requestBody"]["content"])
            for content in contents:
                for media in content.values():
                    if "example" in media:
                        schema = {**media["schema"], **components}
                        Draft202012Validator(schema).validate(media["example"])


def test_answers_of_train_are_as_documented(
    train: Any, train_body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", "jobs")
    document = train.get("/openapi.json").json
    body = train_body | {"evaluation": "full", "model_type": "DiscriminantClassifier"}
    body |= {"alias": "production", "promote_if": {"tolerance": 0.1}}
    del body["model_config"], body["dataset_feature_extract_methods"]
    answer = train.post("/train", json=body)
    assert answer.status_code == 200, answer.text
    refuse_undocumented(document, "post", "/train", answer)
    assert {"loso", "degraded", "enrolment", "promotion"} <= answer.json.keys()
    # Nothing is lost on the way from the training to the caller.
    manifest = open_registry("model").model(answer.json["model_id"]).manifest
    stored = answer_of(manifest)
    assert {n: v for n, v in answer.json.items() if n not in ("seconds", "promotion")} == {
        n: v for n, v in stored.items() if n != "seconds"
    }
    refused = train.post("/train", json={"colour": "red"})
    assert refused.status_code == 422
    refuse_undocumented(document, "post", "/train", refused)
    refuse_undocumented(document, "get", "/train/healthz", train.get("/train/healthz"))


def test_answers_about_jobs_are_as_documented(
    train: Any, train_body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_JOBS_URI", "jobs")
    inbox = bounds / "inbox"
    inbox.mkdir()
    monkeypatch.setenv("SER_INBOX", str(inbox))
    document = train.get("/openapi.json").json
    request = b'{"colour": "red"}'
    (inbox / "bad.train.json").write_bytes(request)
    etag = hashlib.sha256(request).hexdigest()
    records = [
        {
            "eventName": "ObjectCreated:Put",
            "eventSource": "ser:inbox",
            "s3": {"bucket": {"name": str(inbox)}, "object": {"key": key, "eTag": etag}},
        }
        for key in ("bad.train.json", "")
    ]
    events = train.post("/events", json={"Records": records})
    assert [job["status"] for job in events.json["jobs"]] == ["failed"]
    assert len(events.json["refused"]) == 1
    refuse_undocumented(document, "post", "/events", events)
    refuse_undocumented(document, "get", "/train", train.get("/train"))
    created = train.post("/train", json=train_body, headers={"Prefer": "respond-async"})
    assert created.status_code == 202
    refuse_undocumented(document, "post", "/train", created)
    assert set(document["paths"]["/train"]["post"]["responses"]["202"]["headers"]) <= {
        *created.headers.keys()
    }
    path = f"/train/{created.json['job_id']}"
    refuse_undocumented(document, "get", "/train/{job_id}", train.get(path))
    refuse_undocumented(document, "delete", "/train/{job_id}", train.delete(path))
    refuse_undocumented(document, "get", "/train/{job_id}", train.get("/train/no-job"))


def test_answers_of_predict_are_as_documented(
    predict: Any, published: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {name: published[name] for name in ("model_id", "model_save_path")}
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(Path(place["model_save_path"]).parent))
    document = predict.get("/openapi.json").json
    sound = b64encode(made.sound(made.signal("03a01Wa.wav"))).decode()
    silence = b64encode(made.sound(0 * made.signal("03a01Wa.wav"))).decode()
    bodies = (
        place | {"sample_name": published["test_samples"]},
        place | {"audio": [sound, silence]},
        place | {"audio": [sound, silence], "timeline": {"window": 0.5}},
        place,
        place | {"model_id": "nothing", "audio": sound},
        {"audio": sound},
    )
    answers = [predict.post("/predict", json=body) for body in bodies]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 422, 404, 200]
    for answer in answers:
        refuse_undocumented(document, "post", "/predict", answer)
    report = predict.get("/models/none/report", query_string=place)
    refuse_undocumented(document, "get", "/models/{model_id}/report", report)
    shown = {"/models": "/models", "/aliases": "/aliases"}
    shown |= {"/models/{model_id}": f"/models/{place['model_id']}"}
    for described, path in shown.items():
        answer = predict.get(f"{path}?model_save_path={place['model_save_path']}")
        assert answer.status_code == 200, answer.text
        refuse_undocumented(document, "get", described, answer)


def test_answers_about_changes_of_models_are_as_documented(predict: Any, bounds: Path) -> None:
    model_id = graphs.publish(bounds / "model", graphs.model())
    document = predict.get("/openapi.json").json
    body = {"model_id": model_id, "model_save_path": "model"}
    changes = [predict.post("/aliases/best", json=body), predict.post("/aliases/A", json=body)]
    assert [each.status_code for each in changes] == [200, 422]
    for change in changes:
        refuse_undocumented(document, "post", "/aliases/{alias}", change)
    unused = graphs.publish(bounds / "model", graphs.model())
    for each, status in ((model_id, 409), (unused, 200)):
        deleted = predict.delete(f"/models/{each}?model_save_path=model")
        assert deleted.status_code == status
        refuse_undocumented(document, "delete", "/models/{model_id}", deleted)


def test_answers_with_profiles_and_abstentions_are_as_documented(
    predict: Any, bounds: Path
) -> None:
    model = graphs.model(takes_domain=True, measures_familiarity=True)
    model_id = graphs.publish(bounds / "model", model)
    sounds = [b64encode(made.sound(made.signal(name))).decode() for name in made.names(["03"], "W")]
    sent = {"audio": [*sounds, "AAAA"], "enrolment": sounds, "domain_enrolment": sounds}
    options = {"abstain_below": 1, "on_error": "report"}
    place = {"model_id": model_id, "model_save_path": "model"}
    answer = predict.post("/predict", json=place | sent | options)
    assert answer.status_code == 200, answer.text
    assert {"speaker_profile", "domain_profile", "errors"} <= answer.json.keys()
    assert [type(each) for each in answer.json["familiarity"]] == [float, float, type(None)]
    document = predict.get("/openapi.json").json
    refuse_undocumented(document, "post", "/predict", answer)
    form = document["components"]["schemas"]["PredictForm"]["properties"]
    assert form["domain_enrolment"]["items"]["format"] == "binary"
    assert "as JSON" in form["domain_profile"]["description"]
    query = {each.get("name") for each in document["paths"]["/predict"]["post"]["parameters"]}
    assert {"domain_profile", "abstain_below"} <= query
    assert "domain_enrolment" not in query


def test_the_forms_of_a_time_line_are_documented(whole: Document) -> None:
    content = whole["paths"]["/predict"]["post"]["responses"]["200"]["content"]
    assert [*content] == ["application/json", "application/x-ndjson", "text/csv", "text/vtt"]
    for form in [*content][1:]:
        assert content[form]["schema"]["description"]


def test_the_gateway_has_a_way_to_every_operation(whole: Document) -> None:
    text = (ROOT / "infra" / "gateway" / "Caddyfile").read_text()
    patterns = {
        name: re.search(rf"@{name} path_regexp (.+)", text)[1]  # type: ignore[index]
        for name in ("train", "predict", "status")
    }

    def function_of(path: str) -> set[str]:
        return {name for name, pattern in patterns.items() if re.search(pattern, path)}

    for path, item in whole["paths"].items():
        (tag,) = {operation["tags"][0] for operation in item.values()}
        assert function_of(path) == function_of(f"{path}/") == {tag}
    assert function_of("/openapi.json") == {"predict"}
    # A name that begins no path would forward requests to a 404.
    first = {path.split("/")[1] for path in (*whole["paths"], *UNDOCUMENTED)}
    for name in FUNCTIONS:
        names = re.fullmatch(r"\^/\((.+)\)\(/\|\$\)", patterns[name])
        assert names is not None
        assert {each.replace("\\", "") for each in names[1].split("|")} <= first


def test_the_api_on_aws_has_every_operation_but_events(whole: Document) -> None:
    text = (ROOT / "infra" / "aws" / "api.tf").read_text()
    routes = {
        (method, path): function
        for method, path, function in re.findall(r'"([A-Z]+) (/[^"]*)"\s*=\s*"(\w+)"', text)
    }
    documented = {each for each in routes if each[1] not in UNDOCUMENTED}
    assert documented == operations(whole) - {("POST", "/events")}
    for method, path in documented:
        tag = whole["paths"][path][method.lower()]["tags"][0]
        assert routes[method, path] == ("job" if (method, path) == ("POST", "/train") else tag)
