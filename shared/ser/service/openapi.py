"""The OpenAPI 3.1 documents of the functions, made from the types that check the requests."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

import ser

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem; `errors` names every field that does not fit.",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "Id of the request."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                },
            },
        },
    },
}


PROBLEMS = {
    "description": "What went wrong.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def document(
    path: str,
    summary: str,
    request: type[msgspec.Struct],
    *,
    answer: dict[str, Any],
    other_bodies: dict[str, Any] | None = None,
    optional: Collection[str] = (),
    pages: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the document of the operation POST ``path``.

    Parameters
    ----------
    answer
        JSON schema of the answer.
    other_bodies
        Media types beside JSON, with their OpenAPI media type objects.
    optional
        Fields of ``request`` that a setting may stand in for.
    pages
        The paths, as of :func:`page`, that the function answers beside.
    """
    (reference,), schemas = msgspec.json.schema_components(
        [request],
        schema_hook=lambda _kind: {"type": "object"},
        ref_template="#/components/schemas/{name}",
    )
    body = schemas[request.__name__]
    body["required"] = [name for name in body["required"] if name not in optional]
    operation = {
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": reference}, **(other_bodies or {})},
        },
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {"application/json": {"schema": answer}},
            },
            "default": PROBLEMS,
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": f"SER functions: {path[1:]}", "version": ser.__version__},
        "paths": {path: {"post": operation}, **(pages or {})},
        "components": {"schemas": {**schemas, "Problem": PROBLEM}},
    }


def page(
    path: str, summary: str, request: type[msgspec.Struct], *, optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the path item of GET ``path``, which answers with a page.

    Parameters
    ----------
    request
        Its fields stand in the path where that has placeholders for them, else in the query.
    optional
        Fields of ``request`` that a setting may stand in for.
    """
    (_,), schemas = msgspec.json.schema_components([request])
    described = schemas[request.__name__]
    parameters = [
        {
            "name": name,
            "in": "path" if f"{{{name}}}" in path else "query",
            "required": name in described["required"] and name not in optional,
            "schema": schema,
        }
        for name, schema in described["properties"].items()
    ]
    answer = {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}
    responses = {"200": answer, "default": PROBLEMS}
    return {path: {"get": {"summary": summary, "parameters": parameters, "responses": responses}}}
