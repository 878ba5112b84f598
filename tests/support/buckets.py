"""The S3 server of moto on a loopback address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from applications import served

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test-key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3(**headers: str) -> Iterator[str]:
    """Yield the address of a server that adds ``headers`` to its answers.

    It handles one request at a time, because moto's conditional writes are not atomic as those of
    S3 are.
    """
    application = DomainDispatcherApplication(create_backend_app)
    lock = Lock()

    def one_at_a_time(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, own: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*own, *headers.items()], *rest)

        with lock:
            return list(application(environ, start))

    with served(one_at_a_time) as address:
        yield address
