"""Publication of a trained model in a registry, and the answer of POST /train."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ser.errors import SerError, within
from ser.registry import Registry

LATEST = "latest"
"""The alias that every training moves to its model."""
MANIFEST_ONLY = (
    *("request", "model_config", "labels", "corpus", "encoders", "samples", "versions", "trigger"),
    *("created_at", "files", "families", "misheard", "statistics"),
)
"""Entries of a manifest that are not in the answer of POST /train."""


class LazyFiles(Mapping[str, bytes]):
    """Files by name, each of which is made or read when it is used.

    Parameters
    ----------
    contents
        A function for each file that returns its content.
    """

    def __init__(self, contents: Mapping[str, Callable[[], bytes]]) -> None:
        self._contents = contents

    def __getitem__(self, name: str) -> bytes:
        return self._contents[name]()

    def __contains__(self, name: object) -> bool:
        return name in self._contents

    def __iter__(self) -> Iterator[str]:
        return iter(self._contents)

    def __len__(self) -> int:
        return len(self._contents)


def publish(
    registry: Registry,
    model_id: str,
    files: Mapping[str, bytes],
    manifest: Mapping[str, Any],
    aliases: Iterable[str],
) -> list[str]:
    """Publish a model and move ``aliases`` to it; return the notes of :func:`move_aliases`."""
    with within("registry"):
        registry.publish(model_id, files, manifest)
    return move_aliases(registry, model_id, aliases)


def move_aliases(registry: Registry, model_id: str, aliases: Iterable[str]) -> list[str]:
    """Move ``aliases`` to a model, except from a newer model.

    Returns
    -------
    list[str]
        A note on each alias that was not moved, and on each guarantee that the registry lacks.
    """
    notes = []
    for alias in aliases:
        try:
            registry.move(alias, model_id, forward_only=True)
        except SerError as error:
            # The model is published, so the caller needs its id rather than this error.
            notes.append(f"alias {alias} was not moved: {error.detail}")
    return [*notes, *registry.notes]


def answer_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer of POST /train for the model with this manifest."""
    first = {"model_id": manifest["model_id"], "test_samples": sorted(manifest["samples"])}
    return first | {name: value for name, value in manifest.items() if name not in MANIFEST_ONLY}
