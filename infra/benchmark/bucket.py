"""Registries in a bucket of an S3 server on the loopback interface."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from stack import HOST

BUCKET = "benchmark"


@contextmanager
def in_bucket(registries: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Copy ``registries`` to a bucket, and serve it until the context ends.

    Yields
    ------
    tuple
        The URI of the bucket, and the environment variables by which S3 clients find its server.
    """
    # The server would log each request.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    try:
        settings = {
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
            "AWS_ACCESS_KEY_ID": "benchmark",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        session = boto3.Session("benchmark", "secret", region_name="us-east-1")
        client = session.client("s3", endpoint_url=settings["AWS_ENDPOINT_URL"])
        client.create_bucket(Bucket=BUCKET)
        for file in (path for path in registries.rglob("*") if path.is_file()):
            key = file.relative_to(registries).as_posix()
            client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
        yield f"s3://{BUCKET}", settings
    finally:
        server.stop()
