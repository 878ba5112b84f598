"""Test clients of the functions as functions-framework serves them, without a port."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import functions_framework

ROOT = Path(__file__).parents[2]


class Response(Protocol):
    """The answer of a function."""

    status_code: int
    mimetype: str
    headers: Any
    text: str
    data: bytes
    json: Any


class Client(Protocol):
    """The part of Flask's test client that tests use."""

    def get(self, path: str, **options: Any) -> Response: ...

    def post(self, path: str, **options: Any) -> Response: ...

    def open(self, path: str, **options: Any) -> Response: ...

    def delete(self, path: str) -> Response: ...


def client_of(name: str) -> Client:
    """Return a client of the function called ``name``."""
    source = ROOT / "functions" / name / "main.py"
    create_app: Any = functions_framework.create_app
    client: Client = create_app(name, str(source)).test_client()
    return client
