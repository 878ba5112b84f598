"""The place of models: a registry that the library reads, or a server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ser import Client, Registry
    from ser.registry import ModelSummary

DEFAULT_FOLDER = "model"
"""The registry of :func:`ser.train` without another one."""
PREFERRED = ("production", "latest")
"""Aliases that are taken where no model is named, as POST /predict does."""


def local_registry(given: str | None, *, create: bool = False) -> str | None:
    """Return the registry that was given, that of the environment, or the folder ``model``.

    ``None`` if there is none; with ``create`` the folder need not exist.
    """
    chosen = given or os.environ.get("SER_MODEL_SAVE_PATH")
    if chosen:
        return chosen
    from ser.registry import ALIASES_FOLDER

    exists = Path(DEFAULT_FOLDER, ALIASES_FOLDER).is_dir()
    return DEFAULT_FOLDER if create or exists else None


def open_registry(given: str | None, *, create: bool = False) -> Registry:
    """Return the registry at :func:`local_registry`."""
    import ser

    place = local_registry(given, create=create)
    if place is None:
        raise ser.NotFound(
            "there is no registry; allowed: --registry with a folder or s3://bucket/prefix, the "
            "variable SER_MODEL_SAVE_PATH, or a folder model"
        )
    return ser.open_registry(place, key=os.environ.get("SER_MODEL_KEY") or None)


def client_of(url: str, api_key: str | None, registry: str | None) -> Client:
    """Return a client of the server at ``url``."""
    import ser

    return ser.Client(url, api_key, registry=registry)


class Catalogue(NamedTuple):
    """The models of a registry that the library reads, with the methods of ``Client.models``."""

    registry: Registry

    def list(self, limit: int | None = None) -> list[ModelSummary]:
        return [*self.registry.summaries(limit=limit)]

    def show(self, name: str) -> dict[str, Any]:
        model = self.registry.model(name)
        return details_of(model.manifest, self.registry.show(name), model.size)

    def promote(self, name: str, alias: str, *, promote_if: Mapping[str, Any] | None = None) -> str:
        model_id = self.registry.resolve(name)
        if promote_if is None:
            self.registry.move(alias, model_id)
        else:
            from ser.training import PromoteIf, require_promotion

            require_promotion(self.registry, model_id, alias, PromoteIf(**promote_if))
        return model_id

    def rollback(self, alias: str) -> str:
        return self.registry.rollback(alias)

    def delete(self, name: str) -> str:
        model_id = self.registry.resolve(name)
        self.registry.delete(model_id)
        return model_id


def details_of(manifest: Mapping[str, Any], summary: ModelSummary, size: int) -> dict[str, Any]:
    """Return the facts about a model with the names of GET /models/<id>."""
    figures = {"uar": summary.uar, "loso_uar": summary.loso_uar}
    return {
        "model_id": summary.model_id,
        "created": summary.created_at,
        "corpora": list(summary.corpora),
        "preset": summary.preset,
        "model_type": summary.model_type,
        "figures": {name: value for name, value in figures.items() if value is not None},
        "aliases": list(summary.aliases),
        "labels": manifest.get("classes", []),
        "emotions": [each.get("emotion", "") for each in manifest.get("labels", [])],
        "size": size,
        "test_samples": sorted(manifest.get("samples", {})),
        **{name: manifest.get(name) for name in ("metrics", "loso")},
        "request": manifest.get("request", {}),
        "versions": manifest.get("versions", {}),
        "notes": manifest.get("notes", []),
    }
