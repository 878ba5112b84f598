"""A bucket of the S3 server of moto, and a proxy that cuts connections to it."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from typing import Literal

import botocore.session

import buckets

Cut = Literal["before", "within", "after"]
"""The point at which a connection is cut: before the request reaches the server, within it, or
after the server has answered."""
CUTS: tuple[Cut, ...] = ("before", "within", "after")
BUCKET = "models"


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while the context is open."""
    former = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def bucket() -> Iterator[str]:
    """Yield the address of an empty bucket; the standard variables of AWS name its server."""
    with buckets.s3() as server, environment({**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": server}):
        botocore.session.get_session().create_client("s3").create_bucket(Bucket=BUCKET)
        yield f"s3://{BUCKET}"


class Proxy:
    """Forwards connections to a server, and cuts those that :meth:`cut` chooses.

    A connection carries any number of requests; each is one packet from the client, or several.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._requests = count()
        self._failing, self._how, self._left = -1, CUTS[0], 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, request: int, how: Cut, times: int) -> None:
        """Cut the connection at ``request``, counted from now on, and at the next ones, ``times``
        in all."""
        self._requests = count()
        self._failing, self._how, self._left = request, how, times
        self.was_cut = False

    def close(self) -> None:
        """Accept no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, suppress(OSError):
            while data := client.recv(1 << 20):
                if is_request(data) and self._is_cut():
                    if self._how == "within":
                        server.sendall(data[: len(data) // 2])
                    if self._how == "after":
                        server.sendall(data)
                        server.recv(1 << 20)
                    return
                server.sendall(data)
                self._answer(client, server)

    def _answer(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what the server sends until the client speaks again or one of them ends."""
        while True:
            ready, _, _ = select.select([client, server], [], [], 10)
            if server not in ready:
                return
            data = server.recv(1 << 20)
            if not data:
                client.shutdown(socket.SHUT_WR)
                return
            client.sendall(data)

    def _is_cut(self) -> bool:
        number = next(self._requests)
        cuts = number >= self._failing >= 0 and self._left > 0
        self._left -= cuts
        self.was_cut = self.was_cut or cuts
        return cuts

    was_cut = False
    """Whether a connection has been cut since :meth:`cut`."""


def is_request(data: bytes) -> bool:
    """Return whether ``data`` begins a request rather than continuing a body."""
    return data.split(b" ", 1)[0] in (b"GET", b"PUT", b"HEAD", b"POST", b"DELETE")
