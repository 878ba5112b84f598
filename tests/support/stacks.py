"""The real stack for tests: both functions behind Caddy, on free ports of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import urllib3

from stack import ROOT, Stack, running

__all__ = ["ROOT", "Answer", "Client", "serving"]


SECONDS = 600
"""Time-out of a request: a training on a busy machine takes minutes."""


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    media_type: str
    body: Any


class Client(NamedTuple):
    """A client of a stack."""

    stack: Stack

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def post(self, path: str, body: dict[str, Any]) -> Answer:
        headers = {"Content-Type": "application/json"}
        return self.send("POST", path, body=msgspec.json.encode(body), headers=headers)

    def send(self, method: str, path: str, **options: Any) -> Answer:
        response = urllib3.request(
            method, self.stack.url + path, retries=False, timeout=SECONDS, **options
        )
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        return Answer(response.status, media_type, msgspec.json.decode(response.data))


@contextmanager
def serving(**settings: str) -> Iterator[Client]:
    """Yield a client of a stack that runs with ``settings`` until the context ends."""
    with running(port=0, settings=settings) as stack:
        yield Client(stack)
