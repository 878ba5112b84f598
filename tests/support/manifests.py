"""Validation of manifests by the published schemas of Kubernetes and Knative."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import pydantic

with warnings.catch_warnings():
    # Some schemas have fields that shadow attributes of cloudcoil.
    warnings.simplefilter("ignore", UserWarning)
    from cloudcoil.models.knative_eventing.eventing.v1 import Broker, Trigger
    from cloudcoil.models.knative_serving.serving.v1 import Service

Manifest = dict[str, Any]


class Kind(NamedTuple):
    """A kind of object with its schema."""

    group_version: str
    plural: str
    fields: type[pydantic.BaseModel] | frozenset[str]
    """The model of its schema; for simple kinds the fields of the API reference."""


OBJECT = frozenset({"apiVersion", "kind", "metadata"})
KINDS = {
    "Service": Kind("serving.knative.dev/v1", "services", Service),
    "Broker": Kind("eventing.knative.dev/v1", "brokers", Broker),
    "Trigger": Kind("eventing.knative.dev/v1", "triggers", Trigger),
    "ConfigMap": Kind("v1", "configmaps", OBJECT | {"data", "binaryData", "immutable"}),
    "Secret": Kind("v1", "secrets", OBJECT | {"data", "stringData", "type", "immutable"}),
    "NetworkPolicy": Kind("networking.k8s.io/v1", "networkpolicies", OBJECT | {"spec"}),
    "ServiceAccount": Kind(
        "v1",
        "serviceaccounts",
        OBJECT | {"automountServiceAccountToken", "imagePullSecrets", "secrets"},
    ),
}


def faults(manifest: Manifest) -> list[str]:
    """Return the faults of ``manifest`` according to its schema; empty if it fits.

    The models drop unknown fields, so a field that is not written back was misspelt.
    """
    kind = KINDS.get(manifest.get("kind", ""))
    if kind is None or manifest.get("apiVersion") != kind.group_version:
        return [f"unknown kind {manifest.get('apiVersion')} {manifest.get('kind')}"]
    if isinstance(kind.fields, frozenset):
        return [f"unknown field {field!r}" for field in manifest.keys() - kind.fields]
    try:
        read = kind.fields.model_validate(manifest)
    # A number where a quantity belongs fails in pydantic with a TypeError.
    except (pydantic.ValidationError, TypeError) as error:
        return [str(error)]
    written = read.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return sorted(differences(manifest, written, ""))


def differences(given: object, read: object, path: str) -> Iterator[str]:
    """Yield a message for each value in which ``read`` differs from ``given``."""
    match given, read:
        case dict(), dict():
            for field in given.keys() | read.keys():
                yield from differences(given.get(field), read.get(field), f"{path}.{field}")
        case list(), list() if len(given) == len(read):
            for index, pair in enumerate(zip(given, read, strict=True)):
                yield from differences(*pair, f"{path}[{index}]")
        case _ if given != read:
            yield f"unknown field or wrong type: {path} is {given!r}, read as {read!r}"
