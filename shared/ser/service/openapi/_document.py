"""OpenAPI 3.1 documents, generated from routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

import ser
from ser.service import problems
from ser.service.answers import Problem
from ser.service.bodies import JSON_TYPE, MULTIPART, SOUND
from ser.service.openapi._schemas import (
    BINARY,
    Schema,
    alternatives,
    component_schemas,
    form_schema,
    may_be_list,
    own_schema,
    reference,
    reference_in,
    remove_provided_fields,
)
from ser.service.routes import Binary, Html, Route, Text
from ser.service.settings import PROVIDED_FIELDS, Settings

REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "Id of the request, for logs and problems; default: a new one.",
}
RESPONSE_ID = {
    "required": True,
    "schema": {"type": "string"},
    "description": "Id of the request.",
}
PROBLEM_HEADERS = {
    "Retry-After": "With status 429 or 503: seconds before the request may be repeated.",
    "WWW-Authenticate": "With status 401 or 403: the scheme of the credentials that are missing.",
}
KEY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "A key of the setting `SER_API_KEYS`, where the server has any.",
}
PROBLEMS_OF_ALL = (400, 408, 413, 421, 431, 500, 503)
"""Statuses of the problems that every operation has: a request that is not HTTP, comes too slowly,
is too large, is for another host, fails, or comes while too many others are answered."""
KEY_PROBLEMS = (401, 403)
"""Statuses of the problems by which callers are refused."""
TAGS = {
    "predict": "Emotions of sounds, models with their reports, and aliases.",
    "train": "Models for corpora, and the jobs that train them.",
}
PROBLEM_EXAMPLE = {
    "type": "urn:ser:problem:invalid-input",
    "title": "The request does not fit",
    "status": 422,
    "detail": "model_id: missing; allowed: a string that is not empty",
    "errors": [{"loc": ["model_id"], "msg": "missing; allowed: a string that is not empty"}],
    "instance": "0f8fad5b-d9cb-469f-a165-70867728950e",
}


def routes_of_all_functions() -> tuple[Route, ...]:
    """Return the routes of both functions."""
    from ser.service.catalogue import routes as catalogue
    from ser.service.inference import routes as inference
    from ser.service.training import routes as training

    return (*training.ROUTES, *inference.ROUTES, *catalogue.ROUTES)


def openapi_document(routes: Iterable[Route], settings: Settings) -> dict[str, Any]:
    """Return the OpenAPI document of ``routes`` on a server with ``settings``.

    Answers in a format of other programs are left out: generators of clients do not read them.
    """
    routes = tuple(route for route in routes if not isinstance(route.answer, Text))
    schemas = component_schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        described = operation(route, schemas)
        described["security"] = security(route, needs_key=settings.api_keys is not None)
        paths.setdefault(route.path, {})[route.method.lower()] = described
    for route in routes:
        bound_lists(route, schemas, settings.max_sounds)
    for schema in schemas.values():
        remove_provided_fields(schema)
    tags = dict.fromkeys(route.tag for route in routes)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SER functions",
            "description": "Speech emotion recognition: train models and predict emotions.",
            "version": ser.__version__,
        },
        "tags": [{"name": tag, "description": TAGS[tag]} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "parameters": {"RequestId": REQUEST_ID},
            "headers": {"RequestId": RESPONSE_ID},
            "responses": {"Problem": problem_answer()},
            "securitySchemes": {"key": KEY_SCHEME},
        },
    }


def security(route: Route, *, needs_key: bool) -> list[dict[str, list[str]]]:
    """Return the alternatives of credentials for ``route``: a key with its scope, or none."""
    if route.scope is None:
        return []
    return [{"key": [route.scope]}, *([] if needs_key else [{}])]


def operation(route: Route, schemas: dict[str, Schema]) -> dict[str, Any]:
    """Return the operation of ``route``; the schema of its form is added to ``schemas``."""
    described: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": parameters(route),
        "responses": responses(route),
    }
    if route.reads:
        described["requestBody"] = {
            "required": True,
            "description": route.body,
            "content": contents(route, schemas),
        }
    return described


def parameters(route: Route) -> list[dict[str, Any]]:
    """Return the parameters of ``route`` in path, query and headers."""
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in placeholders(route)
    ]
    if route.request and not route.reads:
        schema = own_schema(route.request)
        found = [
            parameter(route, name, field, required=name in schema.get("required", ()))
            for name, field in schema["properties"].items()
        ]
    elif route.request and SOUND in route.reads:
        fields = own_schema(route.request)["properties"]
        found += [
            parameter(route, name, as_text(field), note=" Not read beside a body in JSON.")
            for name, field in fields.items()
            if not may_be_list(field)
        ]
    found += [
        {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
        | {"description": description}
        for name, description in route.headers.items()
    ]
    return [*found, {"$ref": "#/components/parameters/RequestId"}]


def parameter(
    route: Route, name: str, schema: Schema, *, required: bool = False, note: str = ""
) -> dict[str, Any]:
    """Return the parameter that holds the field ``name``."""
    place = "path" if name in placeholders(route) else "query"
    return {
        "name": name,
        "in": place,
        "required": place == "path" or (required and name not in PROVIDED_FIELDS),
        "description": schema.get("description", "") + note,
        "schema": {key: value for key, value in schema.items() if key != "description"},
    }


def as_text(schema: Schema) -> Schema:
    """Return the schema of a field in the query: an object is sent as JSON."""
    text = {"type": "string", "description": schema["description"]}
    if reference_in(schema):
        text["description"] += " The object as JSON."
    return text


def contents(route: Route, schemas: dict[str, Schema]) -> dict[str, Any]:
    """Return the media types of the body of ``route``."""
    found: dict[str, Any] = {}
    for form in route.reads:
        schema: Schema = {"type": "object", "additionalProperties": True}
        if form is SOUND:
            schema = BINARY
        elif route.request and form is MULTIPART:
            name = form_name(route.request)
            schemas[name] = form_schema(name, own_schema(route.request))
            schema = reference(name)
        elif route.request:
            schema = reference(route.request.__name__)
        found |= {media_type: {"schema": schema} for media_type in form.media_types}
    if route.example is not None:
        found[JSON_TYPE]["example"] = route.example
    return found


def form_name(kind: type[msgspec.Struct]) -> str:
    """Return the name of the schema of the form with the fields of ``kind``."""
    return kind.__name__.replace("Request", "Form")


def bound_lists(route: Route, schemas: dict[str, Schema], most: int) -> None:
    """State in ``schemas`` that the lists of ``route`` have at most ``most`` items."""
    for name in (route.request.__name__, form_name(route.request)) if route.request else ():
        for field in route.lists if name in schemas else ():
            for each in alternatives(schemas[name]["properties"][field]):
                if each.get("type") == "array":
                    each["maxItems"] = most


def responses(route: Route) -> dict[str, Any]:
    """Return the responses of ``route`` by status."""
    content: dict[str, Any]
    if isinstance(route.answer, Html):
        description, content = (
            route.answer.description,
            {"text/html": {"schema": {"type": "string"}}},
        )
    elif isinstance(route.answer, Binary):
        description, content = (
            route.answer.description,
            {"application/octet-stream": {"schema": BINARY}},
        )
    else:
        assert not isinstance(route.answer, Text)
        description, content = "The answer.", json_content(route.answer)
        if route.answer_example is not None:
            content[JSON_TYPE]["example"] = route.answer_example
        for form, text in route.forms.items():
            content[form] = {"schema": {"type": "string", "description": text}}
    found = {
        "200": {"description": description, "headers": response_headers({}), "content": content}
    }
    for status, other in route.others.items():
        found[str(status)] = {
            "description": other.description,
            "headers": response_headers(other.headers),
            "content": json_content(other.answer),
        }
    statuses = {*route.problems, *PROBLEMS_OF_ALL, *(KEY_PROBLEMS if route.scope else ())}
    failures = {str(each): {"$ref": "#/components/responses/Problem"} for each in sorted(statuses)}
    return found | failures


def json_content(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {JSON_TYPE: {"schema": reference(kind.__name__)}}


def problem_answer() -> dict[str, Any]:
    """Return the response of all errors."""
    content = {"schema": reference(Problem.__name__), "example": PROBLEM_EXAMPLE}
    return {
        "description": "The problem.",
        "headers": response_headers(PROBLEM_HEADERS),
        "content": {problems.MEDIA_TYPE: content},
    }


def response_headers(descriptions: Mapping[str, str]) -> dict[str, Any]:
    """Return the headers of a response: the id of the request, and those in ``descriptions``."""
    found = {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in descriptions.items()
    }
    return {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}, **found}


def placeholders(route: Route) -> list[str]:
    """Return the names of the placeholders in the path of ``route``."""
    return [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
