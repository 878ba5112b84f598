"""A stand-in for the API server of Kubernetes.

It is no cluster: it keeps objects and answers what kubectl asks to apply, read and delete them, and
nothing runs them. Like a real server it refuses what the schemas are against.
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
"""Where the Service of a name is reached."""


class Cluster(NamedTuple):
    """A stand-in that runs."""

    kubeconfig: Path
    objects: dict[tuple[str, str], Manifest]
    """What it keeps, by kind and name."""


@contextmanager
def cluster(folder: Path, address_of: AddressOf) -> Iterator[Cluster]:
    """A stand-in that answers meanwhile; its kubeconfig lies in ``folder``."""
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
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [
            {
                "name": "stand-in",
                "context": {"cluster": "stand-in", "user": "nobody", "namespace": "speech"},
            }
        ],
    }


def api_server(objects: dict[tuple[str, str], Manifest], address_of: AddressOf) -> Flask:
    """The part of the API that kubectl needs, over ``objects``."""
    app = Flask("kubernetes")
    discover(app)
    for path in ("/api/v1", "/apis/<group>/<version>"):
        collection = f"{path}/namespaces/speech/<plural>"

        @app.get(collection, endpoint=f"list {path}")
        def listed(plural: str, group: str = "", version: str = "v1") -> Manifest | Response:
            if "watch" in request.args:
                return Response(mimetype="application/json")  # nothing happens by itself
            kind = kind_of(plural, group)
            labels = dict(
                pair.split("=") for pair in request.args.get("labelSelector", "").split(",") if pair
            )
            name = request.args.get("fieldSelector", "").removeprefix("metadata.name=")
            found = [
                each
                for (kept_kind, kept_name), each in objects.items()
                if kept_kind == kind and name in ("", kept_name)
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
        def created(plural: str, group: str = "", version: str = "v1") -> Response:
            return kept(objects, request.get_json(), address_of)

        @app.get(f"{collection}/<name>", endpoint=f"get {path}")
        def got(plural: str, name: str, group: str = "", version: str = "v1") -> Response:
            found = objects.get((kind_of(plural, group), name))
            return jsonify(found) if found else refusal(404, "NotFound", f"{plural} {name!r}")

        @app.patch(f"{collection}/<name>", endpoint=f"patch {path}")
        def patched(plural: str, name: str, group: str = "", version: str = "v1") -> Response:
            before = objects[kind_of(plural, group), name]
            # Strategic patches differ from merging in lists, which our simple kinds have none of.
            return kept(objects, merged(before, request.get_json(force=True)), address_of)

        @app.delete(f"{collection}/<name>", endpoint=f"delete {path}")
        def deleted(plural: str, name: str, group: str = "", version: str = "v1") -> Response:
            del objects[kind_of(plural, group), name]
            return jsonify({"kind": "Status", "apiVersion": "v1", "status": "Success"})

    return app


def discover(app: Flask) -> None:
    """Have ``app`` tell which kinds there are, and that it checks fields itself."""
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
            told = {"groupVersion": each, "version": version}
            found.append({"name": group, "versions": [told], "preferredVersion": told})
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


def kept(
    objects: dict[tuple[str, str], Manifest],
    manifest: Manifest,
    address_of: AddressOf,
) -> Response:
    """Keep ``manifest`` unless its schema is against it; a Service is ready at once."""
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
    """``before`` with ``patch`` laid over it, as RFC 7386 has it."""
    if not isinstance(before, dict) or not isinstance(patch, dict):
        return patch
    changed = {name: merged(before.get(name), value) for name, value in patch.items()}
    return {name: value for name, value in (before | changed).items() if value is not None}


def refusal(code: int, reason: str, message: str) -> Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    response = jsonify({**status, "code": code, "reason": reason, "message": message})
    response.status_code = code
    return response
