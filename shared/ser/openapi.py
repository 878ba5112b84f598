"""The OpenAPI 3.1 documents of the functions, made from the types that check the requests."""

from __future__ import annotations

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


def document(
    path: str,
    summary: str,
    request: type[msgspec.Struct],
    *,
    answer: dict[str, Any],
    other_bodies: dict[str, Any] | None = None,
    optional: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Return the document of the one operation POST ``path``.

    Parameters
    ----------
    answer
        JSON schema of the answer.
    other_bodies
        Media types beside JSON, with their OpenAPI media type objects.
    optional
        Fields of ``request`` that a setting may stand in for.
    """
    (reference,), schemas = msgspec.json.schema_components(
        [request],
        schema_hook=lambda _kind: {"type": "object"},
        ref_template="#/components/schemas/{name}",
    )
    body = schemas[request.__name__]
    body["required"] = [name for name in body["required"] if name not in optional]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
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
            "default": {"description": "What went wrong.", "content": problem},
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": f"SER functions: {path[1:]}", "version": ser.__version__},
        "paths": {path: {"post": operation}},
        "components": {"schemas": {**schemas, "Problem": PROBLEM}},
    }
