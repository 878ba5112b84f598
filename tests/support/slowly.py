"""A function that answers when a file appears, for tests of the server."""

from __future__ import annotations

import time
from pathlib import Path

from ser.service.answers import Health
from ser.service.bodies import NOTIFICATION
from ser.service.http import Function, get_health
from ser.service.routes import Call, Route, health_of

PATIENCE = 60


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
    parse=lambda fields, _settings: fields["body"],
    reads=(NOTIFICATION,),
    answer=Health,
)
function = Function((WAIT, post_wait), (health_of("wait"), get_health))
