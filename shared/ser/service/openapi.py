"""OpenAPI 3.1 documents, generated from routes.

The documents are also input for generators of clients, some of which mishandle inline objects; so
every object has its own named schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

import ser
from ser.classifiers import MODEL_TYPES
from ser.corpora import MAX_SOURCES, CorpusChoice, corpus_schema
from ser.frontends import AUGMENTATIONS, METHODS, Augmentations, FrontEnds
from ser.service import problems
from ser.service.answers import Problem
from ser.service.bodies import JSON_TYPE, MULTIPART, SOUND
from ser.service.inference import PredictRequest
from ser.service.inference.uploads import SoundAddress, Uploads
from ser.service.routes import Html, Route
from ser.service.settings import PROVIDED_FIELDS

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
BINARY: Schema = {"type": "string", "format": "binary"}
BASE64: Schema = {"type": "string", "contentEncoding": "base64", "format": "byte"}
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
PROBLEM_HEADERS = {"Retry-After": "With status 503: seconds before the request may be repeated."}
TAGS = {
    "predict": "Emotions of sounds, and the reports of models.",
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
    from ser.service.inference import routes as inference
    from ser.service.training import routes as training

    return (*training.ROUTES, *inference.ROUTES)


def openapi_document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the OpenAPI document of ``routes``."""
    routes = tuple(routes)
    schemas = component_schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = operation(route, schemas)
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
        },
    }


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


def contents(route: Route, schemas: dict[str, Schema]) -> dict[str, Any]:
    """Return the media types of the body of ``route``."""
    found: dict[str, Any] = {}
    for form in route.reads:
        schema: Schema = {"type": "object", "additionalProperties": True}
        if form is SOUND:
            schema = BINARY
        elif route.request and form is MULTIPART:
            name = route.request.__name__.replace("Request", "Form")
            schemas[name] = form_schema(name, own_schema(route.request))
            schema = reference(name)
        elif route.request:
            schema = reference(route.request.__name__)
        found |= {media_type: {"schema": schema} for media_type in form.media_types}
    if route.example is not None:
        found[JSON_TYPE]["example"] = route.example
    return found


def responses(route: Route) -> dict[str, Any]:
    """Return the responses of ``route`` by status."""
    content: dict[str, Any]
    if isinstance(route.answer, Html):
        description, content = (
            route.answer.description,
            {"text/html": {"schema": {"type": "string"}}},
        )
    else:
        description, content = "The answer.", json_content(route.answer)
        if route.answer_example is not None:
            content[JSON_TYPE]["example"] = route.answer_example
    found = {
        "200": {"description": description, "headers": response_headers({}), "content": content}
    }
    for status, other in route.others.items():
        found[str(status)] = {
            "description": other.description,
            "headers": response_headers(other.headers),
            "content": json_content(other.answer),
        }
    failures = {str(each): {"$ref": "#/components/responses/Problem"} for each in route.problems}
    return found | failures | {"500": {"$ref": "#/components/responses/Problem"}}


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


def component_schemas(routes: Iterable[Route]) -> dict[str, Schema]:
    """Return the schemas of all bodies and answers of ``routes`` by name."""
    kinds: dict[type[msgspec.Struct], None] = {Problem: None}
    descriptions: dict[str, Mapping[str, str]] = {}
    for route in routes:
        if route.request and route.reads:
            kinds[route.request] = None
            if route.request is PredictRequest:
                kinds[SoundAddress] = None
            descriptions[route.request.__name__] = route.fields
        if not isinstance(route.answer, Html):
            kinds[route.answer] = None
        kinds |= dict.fromkeys(other.answer for other in route.others.values())
    _, schemas = msgspec.json.schema_components(
        kinds, schema_hook=schema_of_field_type, ref_template=REFERENCE
    )
    for schema in schemas.values():
        if "description" in schema:
            # Not the examples in Python.
            schema["description"] = schema["description"].partition("\n\n")[0]
    for kind, fields in descriptions.items():
        for name, description in fields.items():
            schemas[kind]["properties"][name]["description"] = description
    if "TrainRequest" in schemas:
        schemas |= configuration_schemas()
        # A preset may provide the type.
        schemas["TrainRequest"]["required"].remove("model_type")
        properties = schemas["TrainRequest"]["properties"]
        properties["model_config"]["$ref"] = REFERENCE.format(name="ModelConfig")
        for key in ("type", "default", "additionalProperties"):
            properties["model_config"].pop(key, None)
        _, sources = alternatives(properties["remote_url"])
        # An entry may be the place alone.
        sources["items"] = {"anyOf": [{"type": "string"}, sources["items"]]}
        sources |= {"minItems": 1, "maxItems": MAX_SOURCES}
    refine(schemas)
    return schemas


def schema_of_field_type(kind: type) -> Schema:
    """Return the schema of a field type that has its own grammar."""
    if kind in (CorpusChoice, FrontEnds, Augmentations):
        return reference(kind.__name__)
    if kind is Uploads:
        one = [BASE64, reference(SoundAddress.__name__)]
        return {"anyOf": [*one, {"type": "array", "items": {"anyOf": one}}]}
    raise NotImplementedError(kind)


def configuration_schemas() -> dict[str, Schema]:
    """Return the schemas of the fields of POST /train that choose among methods, by name."""
    classifiers = [kind.config_type for kind in MODEL_TYPES.values()]
    kinds = (*classifiers, *METHODS.values(), *AUGMENTATIONS.values())
    _, schemas = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    corpus = corpus_schema()
    for index, each in enumerate(corpus["anyOf"]):
        if "title" in each:
            schemas[each["title"]] = each
            corpus["anyOf"][index] = reference(each["title"])
    schemas["CorpusChoice"] = corpus
    schemas["ModelConfig"] = {"anyOf": [reference(kind.__name__) for kind in classifiers]}
    for name, methods in ((FrontEnds.__name__, METHODS), (Augmentations.__name__, AUGMENTATIONS)):
        schemas[name] = {
            "type": "object",
            "title": name,
            "properties": {key: reference(kind.__name__) for key, kind in methods.items()},
            "additionalProperties": False,
        }
    return schemas


def own_schema(kind: type[msgspec.Struct]) -> Schema:
    """Return the schema of ``kind`` alone."""
    _, schemas = msgspec.json.schema_components(
        [kind], schema_hook=schema_of_field_type, ref_template=REFERENCE
    )
    refine(schemas)
    schema: Schema = schemas[kind.__name__]
    return schema


def form_schema(name: str, schema: Schema) -> Schema:
    """Return the schema of the multipart form with the fields of ``schema``."""
    properties: dict[str, Schema] = {}
    for field, described in schema["properties"].items():
        plain = {"type": "string"}
        if is_binary(described):
            plain = BINARY
        text = {key: described[key] for key in ("description",) if key in described}
        if may_be_list(described):
            properties[field] = {"type": "array", "items": plain, **text}
        else:
            properties[field] = {**plain, **text}
            if reference_in(described):
                properties[field]["description"] += " The object as JSON."
    return {
        "type": "object",
        "title": name,
        "description": "The request as a form; its fields may also be in the query.",
        "properties": properties,
    }


def as_text(schema: Schema) -> Schema:
    """Return the schema of a field in the query: an object is sent as JSON."""
    text = {"type": "string", "description": schema["description"]}
    if reference_in(schema):
        text["description"] += " The object as JSON."
    return text


def alternatives(schema: Schema) -> list[Schema]:
    """Return the members of a union, or the schema itself."""
    members: list[Schema] = schema.get("anyOf", [schema])
    return members


def may_be_list(schema: Schema) -> bool:
    return any(each.get("type") == "array" for each in alternatives(schema))


def is_binary(schema: Schema) -> bool:
    return any(
        "contentEncoding" in member
        for each in alternatives(schema)
        for member in alternatives(each.get("items", each))
    )


def reference_in(schema: Schema) -> bool:
    return any("$ref" in each for each in alternatives(schema))


def reference(name: str) -> Schema:
    return {"$ref": REFERENCE.format(name=name)}


def placeholders(route: Route) -> list[str]:
    """Return the names of the placeholders in the path of ``route``."""
    return [part[1:-1] for part in route.path.split("/") if part.startswith("{")]


def refine(schema: Any) -> None:
    """Add the types and formats that generators of clients expect, at every depth."""
    if isinstance(schema, dict):
        if schema.get("contentEncoding") == "base64":
            schema["format"] = "byte"
        values = schema.get("enum")
        if isinstance(values, list | tuple) and all(isinstance(each, str) for each in values):
            schema["enum"] = list(values)
            schema["type"] = "string"
        # Null means the same as an absent field, and some generators make fields with a default
        # mandatory.
        if schema.get("default", ...) is None and "properties" not in schema:
            del schema["default"]
        if "anyOf" in schema:
            schema["anyOf"] = [
                member for each in schema["anyOf"] for member in each.get("anyOf", [each])
            ]
        for each in schema.values():
            refine(each)
    elif isinstance(schema, list):
        for each in schema:
            refine(each)


def remove_provided_fields(schema: Schema) -> None:
    """Make fields optional if settings may provide them."""
    if "required" in schema:
        required = [name for name in schema["required"] if name not in PROVIDED_FIELDS]
        schema["required"] = required
        if not required:
            del schema["required"]
