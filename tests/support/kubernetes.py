"""A stand-in for the API server of Kubernetes.

It stores objects and implements the requests of kubectl that apply, read and delete them; it runs
no containers. Like a real server it refuses objects that do not fit their schemas.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, Response, jsonify, request

from applications import served
from manifests import KINDS, Manifest, faults

AddressOf = Callable[[str], str]
"""Returns the address of the Service of a name."""


class Cluster(NamedTuple):
    """A running stand-in."""

    kubeconfig: Path
    objects: dict[tuple[str, str], Manifest]
    """The stored objects, by kind and name."""


@contextmanager
def cluster(folder: Path, address_of: AddressOf) -> Iterator[Cluster]:
    """Yield a running stand-in; its kubeconfig is in ``folder``."""
    objects: dict[tuple[str, str], Manifest] = {}
    with served(api_server(objects, address_of)) as url:
        (folder / "kubeconfig").write_text(json.dumps(kubeconfig(url)))
        yield Cluster(folder / "kubeconfig", objects)


def kubeconfig(url: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "stand-in",
        "clusters": [{"name": "stand-in", "cluster": {"server": url}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [
            {
                "name": "stand-in",
                "context": {"cluster": "stand-in", "user": "test", "namespace": "speech"},
            }
        ],
    }


def api_server(objects: dict[tuple[str, str], Manifest], address_of: AddressOf) -> Flask:
    """Return the part of the API that kubectl needs, with ``objects`` as its storage."""
    app = Flask("kubernetes")
    discover(app)
    for path in ("/api/v1", "/apis/<group>/<version>"):
        collection = f"{path}/namespaces/speech/<plural>"

        @app.get(collection, endpoint=f"list {path}")
        def list_objects(plural: str, group: str = "", version: str = "v1") -> Manifest | Response:
            if "watch" in request.args:
                return Response(mimetype="application/json")  # objects change only by requests
            kind = kind_of(plural, group)
            labels = dict(
                pair.split("=") for pair in request.args.get("labelSelector", "").split(",") if pair
            )
            name = request.args.get("fieldSelector", "").removeprefix("metadata.name=")
            found = [
                each
                for (its_kind, its_name), each in objects.items()
                if its_kind == kind and name in ("", its_name)
                if labels.items() <= each["metadata"].get("labels", {}).items()
            ]
            group_version = KINDS[kind].group_version
            meta = {"resourceVersion": "1"}
            return {
                "kind": f"{kind}List",
                "apiVersion": group_version,
                "metadata": meta,
                "items": found,
            }

        @app.post(collection, endpoint=f"create {path}")
        def create(plural: str, group: str = "", version: str = "v1") -> Response:
            return store(objects, request.get_json(), address_of)

        @app.get(f"{collection}/<name>", endpoint=f"get {path}")
        def get(plural: str, name: str, group: str = "", version: str = "v1") -> Response:
            found = objects.get((kind_of(plural, group), name))
            return jsonify(found) if found else refusal(404, "NotFound", f"{plural} {name!r}")

        @app.patch(f"{collection}/<name>", endpoint=f"patch {path}")
        def patch(plural: str, name: str, group: str = "", version: str = "v1") -> Response:
            before = objects[kind_of(plural, group), name]
            # Strategic patches differ from merge patches in lists, which our kinds do not contain.
            return store(objects, merged(before, request.get_json(force=True)), address_of)

        @app.delete(f"{collection}/<name>", endpoint=f"delete {path}")
        def delete(plural: str, name: str, group: str = "", version: str = "v1") -> Response:
            del objects[kind_of(plural, group), name]
            return jsonify({"kind": "Status", "apiVersion": "v1", "status": "Success"})

    return app


def discover(app: Flask) -> None:
    """Add the routes of discovery: the kinds of objects, and server-side validation."""
    groups = sorted({kind.group_version for kind in KINDS.values() if "/" in kind.group_version})

    @app.get("/version")
    def version() -> Manifest:
        return {"major": "1", "minor": "32", "gitVersion": "v1.32.0"}

    @app.get("/api")
    def core() -> Manifest:
        return {"kind": "APIVersions", "versions": ["v1"]}

    @app.get("/apis")
    def named_groups() -> Manifest:
        found = []
        for each in groups:
            group, _, version = each.partition("/")
            described = {"groupVersion": each, "version": version}
            found.append({"name": group, "versions": [described], "preferredVersion": described})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}

    @app.get("/api/<version>")
    @app.get("/apis/<group>/<version>")
    def resources(version: str, group: str = "") -> Manifest:
        group_version = f"{group}/{version}".lstrip("/")
        found = [
            {
                "name": kind.plural,
                "singularName": name.lower(),
                "kind": name,
                "namespaced": True,
                "verbs": ["create", "delete", "get", "list", "patch"],
            }
            for name, kind in KINDS.items()
            if kind.group_version == group_version
        ]
        about = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version}
        return {**about, "resources": found}

    @app.get("/openapi/v3")
    def index() -> Manifest:
        roots = ["api/v1", *(f"apis/{each}" for each in groups)]
        return {"paths": {each: {"serverRelativeURL": f"/openapi/v3/{each}"} for each in roots}}

    @app.get("/openapi/v3/<path:root>")
    def schema(root: str) -> Manifest:
        group_version = root.partition("/")[2]
        group, _, version = group_version.rpartition("/")
        operations = {
            f"/{root}/namespaces/{{namespace}}/{kind.plural}/{{name}}": {
                "patch": {
                    "parameters": [{"name": "fieldValidation", "in": "query"}],
                    "responses": {},
                    "x-kubernetes-group-version-kind": {
                        "group": group,
                        "version": version,
                        "kind": name,
                    },
                }
            }
            for name, kind in KINDS.items()
            if kind.group_version == group_version
        }
        about = {"title": "Kubernetes", "version": "v1.32.0"}
        return {"openapi": "3.0.0", "info": about, "paths": operations}


def kind_of(plural: str, group: str) -> str:
    return next(
        name
        for name, kind in KINDS.items()
        if kind.plural == plural and kind.group_version.rpartition("/")[0] == group
    )


def store(
    objects: dict[tuple[str, str], Manifest],
    manifest: Manifest,
    address_of: AddressOf,
) -> Response:
    """Store ``manifest`` if it fits its schema; a Service is ready at once."""
    manifest.pop("status", None)
    if found := faults(manifest):
        return refusal(400, "BadRequest", "; ".join(found))
    name = manifest["metadata"]["name"]
    manifest["metadata"] |= {"namespace": "speech", "uid": name, "resourceVersion": "1"}
    if manifest["apiVersion"].startswith("serving"):
        ready = {"type": "Ready", "status": "True"}
        manifest["status"] = {"url": address_of(name), "conditions": [ready]}
    objects[manifest["kind"], name] = manifest
    return jsonify(manifest)


def merged(before: Any, patch: Any) -> Any:
    """Return ``before`` with the JSON merge patch ``patch`` (RFC 7386)."""
    if not isinstance(before, dict) or not isinstance(patch, dict):
        return patch
    changed = {name: merged(before.get(name), value) for name, value in patch.items()}
    return {name: value for name, value in (before | changed).items() if value is not None}


def refusal(code: int, reason: str, message: str) -> Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    response = jsonify({**status, "code": code, "reason": reason, "message": message})
    response.status_code = code
    return response
