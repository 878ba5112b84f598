"""What train says of its jobs to programs, beside what it says of POST /train."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ser._schemas import Name, Schema
from ser.service.jobs.job import Job
from ser.service.openapi import PROBLEMS
from ser.service.training.description import ANSWER, describe_train

ID = {"name": "job_id", "in": "path", "required": True, "schema": {"type": "string"}}
JOB = {"$ref": "#/components/schemas/Job"}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`respond-async` (RFC 7240) asks for a job instead of an answer; granted where "
    "`SER_JOBS_URI` is set.",
}


class Page(Schema, frozen=True, kw_only=True):
    """The query of GET /train."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    before: Name | None = None
    """The last job of the page before."""


def describe() -> dict[str, Any]:
    """Return the OpenAPI document of everything that train answers."""
    described = describe_train()
    described["components"]["schemas"]["Job"] = describe_job()
    paths = described["paths"]
    paths["/train"]["post"]["parameters"] = [PREFER]
    paths["/train"]["post"]["responses"]["202"] = {
        "description": "The job, whose address stands in `Location`.",
        "content": {"application/json": {"schema": JOB}},
    }
    listed: dict[str, Any] = {"jobs": {"type": "array", "items": JOB}}
    jobs = {"type": "object", "properties": listed}
    paths["/train"]["get"] = operation("List jobs, newest first", jobs, query(Page))
    paths["/train/{job_id}"] = {
        "get": operation("Tell how far a job is, and what it came to", JOB, [ID]),
        "delete": operation("Cancel a job that is queued or running", JOB, [ID]),
    }
    refused = {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}
    delivered = {"type": "object", "properties": {**listed, "refused": refused}}
    paths["/events"] = {
        "post": {
            **operation("Train on what a store announces to have arrived", delivered, []),
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
                "description": "A notification of S3, EventBridge, MinIO or Cloud Storage: "
                "`*.train.json` is a body of POST /train, `*.zip` a corpus.",
            },
        }
    }
    return described


def describe_job() -> dict[str, Any]:
    """Return the JSON schema of a job as it is answered."""
    _, schemas = msgspec.json.schema_components([Job], schema_hook=lambda _kind: {"type": "object"})
    job: dict[str, Any] = schemas["Job"]
    job.pop("description")
    del job["properties"]["lease"], job["properties"]["unread_request"]
    job["properties"]["request"] = {"type": "object"}
    job["properties"]["result"] = {"anyOf": [ANSWER, {"type": "null"}]}
    return job


def query(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters of a query."""
    _, schemas = msgspec.json.schema_components([kind])
    fields = schemas[kind.__name__]["properties"].items()
    return [{"name": name, "in": "query", "schema": schema} for name, schema in fields]


def operation(summary: str, answer: dict[str, Any], parameters: list[Any]) -> dict[str, Any]:
    """Return the OpenAPI operation that answers with ``answer``."""
    content = {"application/json": {"schema": answer}}
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": "The answer.", "content": content},
            "default": PROBLEMS,
        },
    }
