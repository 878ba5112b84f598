"""JSON schemas of requests and answers, in the form that generators of clients understand.

Some of them mishandle inline objects; so every object has its own named schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ser.classifiers import MODEL_TYPES
from ser.corpora import MAX_SOURCES, CorpusChoice, corpus_schema
from ser.frontends import AUGMENTATIONS, METHODS, Augmentations, FrontEnds
from ser.service.answers import Problem
from ser.service.inference import PredictRequest
from ser.service.inference.uploads import SoundAddress, Uploads
from ser.service.routes import Binary, Html, Route, Text
from ser.service.settings import PROVIDED_FIELDS

Schema = dict[str, Any]

REFERENCE = "#/components/schemas/{name}"
BINARY: Schema = {"type": "string", "format": "binary"}
BASE64: Schema = {"type": "string", "contentEncoding": "base64", "format": "byte"}


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
        if not isinstance(route.answer, Html | Text | Binary):
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
