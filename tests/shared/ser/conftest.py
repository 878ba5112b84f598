"""Stores for tests: a folder, and a bucket behind real HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from ser.registry import Registry
from ser.store import Store
from ser.store._folder import FolderStore
from ser.store._s3 import S3Store

Serve = Callable[[WSGIApplication], str]


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """Return a function that serves a WSGI application and returns its loopback address."""
    with ExitStack() as stack:

        def start(application: WSGIApplication) -> str:
            server = make_server("127.0.0.1", 0, application, threaded=True)
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(server.server_close)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.port}"

        yield start


@pytest.fixture(scope="session")
def s3() -> WSGIApplication:
    """Return S3 by moto, one request at a time: its conditional writes are not atomic."""
    application = DomainDispatcherApplication(create_backend_app)
    lock = Lock()

    def one_at_a_time(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            return list(application(environ, start_response))

    return one_at_a_time


@pytest.fixture(scope="session")
def s3_address(serve: Serve, s3: WSGIApplication) -> str:
    return serve(s3)


@pytest.fixture(scope="session")
def client(s3_address: str) -> Any:
    """Return one client for all tests, since creating one takes longer than most tests."""
    session = boto3.Session("test-key", "secret", region_name="us-east-1")
    return session.client("s3", endpoint_url=s3_address)


@pytest.fixture
def bucket(client: Any) -> str:
    """Return the name of an empty bucket."""
    name = f"bucket-{uuid.uuid4()}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, client: Any) -> Store:
    if request.param == "folder":
        return FolderStore(tmp_path / "folder")
    return S3Store(request.getfixturevalue("bucket"), "some/prefix", client)


@pytest.fixture
def registry(store: Store) -> Registry:
    return Registry(store)
