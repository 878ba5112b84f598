"""The model that is part of the package."""

from __future__ import annotations

from pathlib import Path

from ser._model_file import NO_MODEL_LIMITS, ModelLimits
from ser.errors import NotFound
from ser.registry._documents import MANIFEST, READY
from ser.registry._model import PublishedModel
from ser.store import open_store

READY_FOLDER = Path(__file__).parents[1] / READY


def ready_model(limits: ModelLimits = NO_MODEL_LIMITS) -> PublishedModel:
    """Return the model that is part of the package. Its file is read on first use.

    Raises
    ------
    NotFound
        This installation of the package has no such model.
    """
    store = open_store(READY_FOLDER)
    manifest = store.read(MANIFEST)
    if manifest is None:
        raise NotFound(
            f"there is no model {READY!r} in this installation of ser; allowed: a model in a "
            "registry"
        )
    return PublishedModel(store, "", manifest.data, limits)
