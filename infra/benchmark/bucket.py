"""Registries in a bucket of an S3 server on the loopback."""

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
    """Put ``registries`` into a bucket that is served meanwhile.

    Yields
    ------
    tuple
        The address of the bucket, and the environment variables that lead to its server.
    """
    # It would write a line for each request.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address=HOST, port=0, verbose=False)
    server.start()
    try:
        settings = {
            "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        session = boto3.Session("somebody", "secret", region_name="us-east-1")
        client = session.client("s3", endpoint_url=settings["AWS_ENDPOINT_URL"])
        client.create_bucket(Bucket=BUCKET)
        for file in (path for path in registries.rglob("*") if path.is_file()):
            key = file.relative_to(registries).as_posix()
            client.put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())
        yield f"s3://{BUCKET}", settings
    finally:
        server.stop()
