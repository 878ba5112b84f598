"""Publication of a model: in a registry, under aliases, and in an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ser.errors import SerError, within
from ser.registry import Registry

LATEST = "latest"
"""The alias that every training moves to its model."""
UNANSWERED = (
    *("request", "model_config", "labels", "corpus", "samples", "versions", "trigger"),
    *("created_at", "files"),
)
"""Entries of a manifest that the answer of POST /train leaves out."""


def publish(
    registry: Registry,
    model_id: str,
    files: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    aliases: Iterable[str],
) -> list[str]:
    """Publish a model and move ``aliases`` to it; return notes on the aliases that did not move."""
    with within("registry"):
        registry.publish(model_id, files, manifest)
    return move_aliases(registry, model_id, aliases)


def move_aliases(registry: Registry, model_id: str, aliases: Iterable[str]) -> list[str]:
    """Move ``aliases`` to a model unless they point at a newer one; return notes on failures."""
    notes = []
    for alias in aliases:
        try:
            registry.move(alias, model_id, forward_only=True)
        except SerError as error:
            # The model is published, and the caller needs its id more than this error.
            notes.append(f"alias {alias} was not moved: {error.detail}")
    return notes


def answer_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of POST /train for the model with this manifest."""
    first = {"model_id": manifest["model_id"], "test_samples": sorted(manifest["samples"])}
    return first | {name: value for name, value in manifest.items() if name not in UNANSWERED}
