"""A stand-in for an image registry, which keeps pushed images in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from flask import Flask, Response, request

from applications import served


class Registry(NamedTuple):
    """A running stand-in."""

    address: str
    """Host and port."""
    manifests: dict[tuple[str, str], bytes]
    """The pushed manifests, by repository and tag."""


@contextmanager
def registry() -> Iterator[Registry]:
    """Yield a running registry without TLS."""
    manifests: dict[tuple[str, str], bytes] = {}
    with served(distribution(manifests)) as url:
        yield Registry(url.removeprefix("http://"), manifests)


def distribution(manifests: dict[tuple[str, str], bytes]) -> Flask:
    """Return the part of OCI's distribution specification that a push needs."""
    app = Flask("registry")
    blobs: dict[str, bytes] = {}

    @app.get("/v2/")
    def version() -> Response:
        return Response()

    @app.route("/v2/<path:repository>/blobs/<digest>", methods=["HEAD"])
    def blob(repository: str, digest: str) -> Response:
        return Response(status=200 if digest in blobs else 404)

    @app.post("/v2/<path:repository>/blobs/uploads/")
    def begin_upload(repository: str) -> Response:
        location = f"/v2/{repository}/blobs/uploads/1"
        return Response(status=202, headers={"Location": location, "Range": "0-0"})

    parts: list[bytes] = []

    @app.patch("/v2/<path:repository>/blobs/uploads/1")
    def add_part(repository: str) -> Response:
        parts.append(request.get_data())
        return Response(status=202, headers={"Location": request.path})

    @app.put("/v2/<path:repository>/blobs/uploads/1")
    def end_upload(repository: str) -> Response:
        digest = request.args["digest"]
        # Uploads may be concurrent; the digest identifies the part.
        for data in [*parts, request.get_data()]:
            if f"sha256:{hashlib.sha256(data).hexdigest()}" == digest:
                blobs[digest] = data
        return Response(status=201 if digest in blobs else 400)

    @app.put("/v2/<path:repository>/manifests/<reference>")
    def manifest(repository: str, reference: str) -> Response:
        data = request.get_data()
        manifests[repository, reference] = data
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        return Response(status=201, headers={"Docker-Content-Digest": digest})

    return app
