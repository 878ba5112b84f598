"""Manifests held to the schemas that Kubernetes and Knative publish."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import pydantic

with warnings.catch_warnings():
    # Some schemas have fields of the names of cloudcoil's own attributes.
    warnings.simplefilter("ignore", UserWarning)
    from cloudcoil.models.knative_eventing.eventing.v1 import Broker, Trigger
    from cloudcoil.models.knative_serving.serving.v1 import Service

Manifest = dict[str, Any]


class Kind(NamedTuple):
    """A kind of object, and what says how one looks."""

    group_version: str
    plural: str
    fields: type[pydantic.BaseModel] | frozenset[str]
    """The model made from its schema; of simple kinds the fields that the API reference names."""


OBJECT = frozenset({"apiVersion", "kind", "metadata"})
KINDS = {
    "Service": Kind("serving.knative.dev/v1", "services", Service),
    "Broker": Kind("eventing.knative.dev/v1", "brokers", Broker),
    "Trigger": Kind("eventing.knative.dev/v1", "triggers", Trigger),
    "ConfigMap": Kind("v1", "configmaps", OBJECT | {"data", "binaryData", "immutable"}),
    "Secret": Kind("v1", "secrets", OBJECT | {"data", "stringData", "type", "immutable"}),
    "ServiceAccount": Kind(
        "v1",
        "serviceaccounts",
        OBJECT | {"automountServiceAccountToken", "imagePullSecrets", "secrets"},
    ),
}


def faults(manifest: Manifest) -> list[str]:
    """What the schema says against ``manifest``; nothing if it fits.

    The models drop fields that they do not know, so whatever does not come back was misspelt.
    """
    kind = KINDS.get(manifest.get("kind", ""))
    if kind is None or manifest.get("apiVersion") != kind.group_version:
        return [f"no kind is known as {manifest.get('apiVersion')} {manifest.get('kind')}"]
    if isinstance(kind.fields, frozenset):
        return [f"unknown field {field!r}" for field in manifest.keys() - kind.fields]
    try:
        read = kind.fields.model_validate(manifest)
    # A number where a quantity belongs fails in pydantic with a TypeError.
    except (pydantic.ValidationError, TypeError) as error:
        return [str(error)]
    written = read.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return sorted(differences(manifest, written, ""))


def differences(told: object, read: object, path: str) -> Iterator[str]:
    """Where ``read`` is not what was ``told``."""
    match told, read:
        case dict(), dict():
            for field in told.keys() | read.keys():
                yield from differences(told.get(field), read.get(field), f"{path}.{field}")
        case list(), list() if len(told) == len(read):
            for index, pair in enumerate(zip(told, read, strict=True)):
                yield from differences(*pair, f"{path}[{index}]")
        case _ if told != read:
            yield f"unknown field or wrong type: {path} is {told!r}, read as {read!r}"
