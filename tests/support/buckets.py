"""S3 on a loopback address, as moto plays it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from applications import served

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3(**headers: str) -> Iterator[str]:
    """Yield the address of a server that takes one request at a time: moto's conditional writes
    are not atomic, those of S3 are. It adds ``headers`` to its answers."""
    application = DomainDispatcherApplication(create_backend_app)
    lock = Lock()

    def one_at_a_time(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, told: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*told, *headers.items()], *rest)

        with lock:
            return list(application(environ, start))

    with served(one_at_a_time) as address:
        yield address
