"""Models to publish, and the check that those which exist are complete."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ser.errors import SerError
from ser.registry import Registry, new_model_id
from ser.store import Store

FILES: Mapping[str, bytes] = {
    "model.onnx": b"model" * 20_000,
    "report.html": b"<html>" * 2_000,
    "samples/03a01Wa.wav": b"sound" * 4_000,
    "samples/08a01Fa.wav": b"sound" * 4_000,
}
"""Files of a model; a registry does not look into them when it publishes."""
MANIFEST = {"samples": {}, "request": {"model_type": "none"}}


def publish(registry: Registry, model_id: str | None = None) -> str:
    """Publish a model and point ``latest`` at it; return its id."""
    chosen = model_id or new_model_id()
    registry.publish(chosen, FILES, MANIFEST)
    registry.move("latest", chosen, forward_only=True)
    return chosen


def broken(registry: Registry, store: Store) -> list[str]:
    """Return a sentence for each model or alias that exists and is not complete."""
    found = []
    for model_id in registry.ids():
        try:
            model = registry.model(model_id)
            found += [
                f"{model_id}/{name} is missing or altered"
                for name, digest in model.manifest["files"].items()
                if not is_intact(store, f"{model_id}/{name}", digest["sha256"])
            ]
        except SerError as error:
            found.append(f"{model_id}: {error.detail}")
    try:
        for alias, target in registry.aliases().items():
            if target not in {*registry.ids()}:
                found.append(f"alias {alias} points at {target}, which does not exist")
    except SerError as error:
        found.append(error.detail)
    return found


def is_intact(store: Store, key: str, sha256: str) -> bool:
    """Return whether the value of ``key`` has this digest."""
    stored = store.read(key)
    return stored is not None and hashlib.sha256(stored.data).hexdigest() == sha256


def leftovers(registry: Registry, store: Store) -> list[str]:
    """Return the ids with files in ``store`` that are no models."""
    folders = [name[:-1] for name in store.names() if name.endswith("/")]
    return [name for name in folders if name[:1].isdigit() and name not in {*registry.ids()}]


def sweep(registry: Any) -> None:
    """Remove what dead publications have left: the first sweep asks, the second one removes."""
    for _ in range(2):
        registry.sweep(seconds=0)
