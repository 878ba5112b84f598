"""A function that answers when a file appears, for tests of the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec

from ser.service.answers import Health
from ser.service.bodies import NOTIFICATION
from ser.service.http import File, Function, Lines, get_health
from ser.service.routes import Call, Route, health_of

PATIENCE = 60
FILE_BYTES = 4_000_000


def post_wait(call: Call[bytes]) -> Health:
    """Return the size of the body once the file that the header ``X-Gate`` names exists."""
    gate = Path(call.headers.get("X-Gate", "/"))
    gate.with_suffix(".reached").touch() if gate.name else None
    until = time.monotonic() + PATIENCE
    while not gate.exists() and time.monotonic() < until:
        if call.is_client_gone():
            gate.with_suffix(".gone").touch()
            break
        time.sleep(0.01)
    return Health(status=str(len(call.request)))


WAIT = Route(
    method="POST",
    path="/predict/wait",
    operation="wait",
    tag="predict",
    summary="Wait",
    parse=lambda fields, _settings: fields.get("body"),
    reads=(NOTIFICATION,),
    answer=Health,
)


def post_lines(call: Call[bytes]) -> Lines:
    """Answer with a line at once, and with a second one as :func:`post_wait` does."""
    return Lines(lines(call), "application/x-ndjson")


def lines(call: Call[bytes]) -> Iterator[Health]:
    yield Health(status="first")
    yield post_wait(call)


LINES = msgspec.structs.replace(WAIT, path="/predict/lines", operation="lines")
FILE = msgspec.structs.replace(WAIT, method="GET", path="/predict/file", operation="file", reads=())


def get_file(_: Call[Any]) -> File:
    """Answer with a file of 4 MB."""
    return File(partial(BytesIO, bytes(FILE_BYTES)), {"Content-Type": "application/octet-stream"})


function = Function(
    (WAIT, post_wait), (LINES, post_lines), (FILE, get_file), (health_of("wait"), get_health)
)
