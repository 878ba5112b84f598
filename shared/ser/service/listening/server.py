"""The server of live time lines."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as open_server
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as Opening
from websockets.http11 import Response
from websockets.typing import Subprotocol
from werkzeug.wrappers import Request

from ser._decoding import Unreadable, decode
from ser.errors import SerError
from ser.service import callers, problems
from ser.service.callers import Caller
from ser.service.inference.predictor import charge_of
from ser.service.listening.request import (
    PROTOCOL,
    fields_of,
    opening_of,
    require_origin,
    with_key,
)
from ser.service.listening.session import Session, StoppedReading
from ser.service.models import Models
from ser.service.problems import Unauthenticated
from ser.service.settings import Settings
from ser.service.slots import Slots
from ser.sounds import SAMPLING_RATE

log = logging.getLogger("ser")

T = TypeVar("T")

FRAME_BYTES = 10 * 2 * SAMPLING_RATE
"""Largest frame: 10 s of sound."""
WAITING_FRAMES = 4
"""Number of frames of a connection that are read ahead; then its client has to wait."""
KEY_SECONDS = 10.0
"""Time within which a key comes as the first message, if it does not come earlier."""
FURTHER_CONNECTIONS = 50
"""Connections beside those of listeners, such as those whose key is awaited."""
CODES = 4000
"""A connection is closed with this code plus the status of the problem (RFC 6455: 4000 to 4999 are
for applications)."""
REASON_BYTES = 123
"""Longest reason of a close frame (RFC 6455)."""
MAX_THREADS = 8
LOW_PRIORITY = 10
"""The niceness of threads that give way to others."""


class Listeners:
    """The connections of a server."""

    def __init__(self) -> None:
        self._models = Models()
        self._connections = 0
        self._places = Slots("listeners are connected", "SER_MAX_LISTENERS")
        self._threads = ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_THREADS))
        # Segments are due at a time; whole sounds, which take up to seconds, are not.
        self._patient = ThreadPoolExecutor(1, initializer=give_way)

    async def answer(self, connection: ServerConnection) -> None:
        """Answer a connection until it is closed; each refusal has a code and a reason."""
        self._connections += 1
        try:
            await self._listen(connection)
        except SerError as error:
            log.info("GET /listen: %s", error.detail)
            await refuse(connection, error)
        except StoppedReading:
            # It would not read a reason either.
            connection.transport.abort()
        except ConnectionClosed:
            pass
        except Exception:
            log.exception("GET /listen failed (request %s)", connection.id)
            detail = f"Internal error; the log has its cause under {connection.id}."
            await refuse(connection, SerError(detail))
        finally:
            self._connections -= 1

    async def _listen(self, connection: ServerConnection) -> None:
        settings = Settings.from_environment()
        assert connection.request is not None
        address, *_ = connection.remote_address or ("",)
        headers = list(connection.request.headers.raw_items())
        request = opening_of(connection.request.path, headers, address)
        callers.require_host(request, settings)
        require_origin(request, settings)
        if self._connections > settings.max_listeners + FURTHER_CONNECTIONS:
            raise self._places.refusal(settings.max_listeners)
        caller = await caller_of(connection, request, settings)
        with self._places.slot(settings.max_listeners):
            fields = fields_of(request, settings)
            model = await self._run(
                self._models.get, fields.model_save_path, fields.model_id, settings.model_rules
            )
            charge = charge_of(caller, settings)
            await Session(
                connection,
                fields,
                model,
                model.model_id,
                settings,
                charge,
                self._run,
                self._run_patiently,
            ).listen()

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, work, *arguments)

    async def _run_patiently(self, work: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._patient, work, *arguments)


def give_way() -> None:
    """Let the present thread compute while the others do not, where the system can."""
    with suppress(OSError, AttributeError):
        # On Linux, a thread has a priority of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)


async def caller_of(connection: ServerConnection, request: Request, settings: Settings) -> Caller:
    """Return the caller, whose key may also be in the first message: ``{"key": "..."}``."""
    if settings.api_keys is not None and not callers.credentials_in(request, "predict"):
        key = None
        with suppress(TimeoutError, Unreadable):
            first = decode(await asyncio.wait_for(connection.recv(), KEY_SECONDS))
            key = first.get("key") if isinstance(first, dict) else None
        if not isinstance(key, str):
            raise Unauthenticated(
                "The connection has no key; allowed: in the header 'Authorization', as the "
                'subprotocol "bearer.<key>", or in the first message, {"key": "<key>"}.'
            )
        request = with_key(request, key)
    return callers.caller_of(request, settings, "predict")


async def refuse(connection: ServerConnection, error: SerError) -> None:
    """Send the problem, and close the connection with its code and reason."""
    problem = problems.document(error) | {"instance": str(connection.id)}
    reason = error.detail.encode()[:REASON_BYTES].decode(errors="ignore")
    with suppress(ConnectionClosed, TimeoutError):
        text = msgspec.json.encode({"problem": problem}).decode()
        await asyncio.wait_for(connection.send(text), KEY_SECONDS)
    await connection.close(CODES + problems.status_of(error), reason)


def select_protocol(
    _connection: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Return the subprotocol for a client, never one that holds a key."""
    return Subprotocol(PROTOCOL) if PROTOCOL in offered else None


def route(connection: ServerConnection, opening: Opening) -> Response | None:
    """Answer the health; refuse all paths but that of listeners."""
    path = opening.path.partition("?")[0].rstrip("/")
    if path.endswith("/healthz"):
        response = connection.respond(200, '{"status":"ok"}\n')
        response.headers["Content-Type"] = "application/json"
        return response
    if path != "/listen":
        return connection.respond(404, "There is no such path; allowed: /listen.\n")
    return None


async def serve(host: str, port: int) -> None:
    """Serve until the process is asked to end, and then close all connections with 1001."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    idle = Settings.from_environment().listen_idle_seconds
    server: Server = await open_server(
        Listeners().answer,
        host,
        port,
        process_request=route,
        select_subprotocol=select_protocol,
        # Sounds do not get smaller by it.
        compression=None,
        max_size=FRAME_BYTES,
        max_queue=WAITING_FRAMES,
        # A client that does not read does not answer a ping.
        ping_interval=idle / 2,
        ping_timeout=idle,
        close_timeout=2,
    )
    async with server:
        await stop.wait()
