"""Look-up and listing of models in a store."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from ser.errors import AlteredModel
from ser.registry._documents import MANIFEST, MODEL_ID
from ser.registry._model import PublishedModel
from ser.registry._rules import NO_RULES, Rules, read_manifest
from ser.store import Store

logger = logging.getLogger(__name__)


def is_published(store: Store, name: str) -> bool:
    """Return whether ``name`` is the id of a model with a manifest."""
    return bool(MODEL_ID.fullmatch(name)) and store.holds(f"{name}/{MANIFEST}")


def published_ids(store: Store, before: str | None) -> Iterator[str]:
    """Yield the ids of models older than the model ``before``, newest first."""
    return (name for name in candidates(store, before) if is_published(store, name))


def readable_models(
    store: Store, before: str | None, rules: Rules = NO_RULES
) -> Iterator[PublishedModel]:
    """Yield models older than the model ``before``, newest first; log damaged manifests."""
    for model_id in candidates(store, before):
        try:
            if model := read_model(store, model_id, rules):
                yield model
        except AlteredModel as error:
            logger.warning("model %s is left out of a list: %s", model_id, error)


def candidates(store: Store, before: str | None) -> Iterator[str]:
    """Yield all names in the form of an id, newest first."""
    for name in reversed(store.names()):
        model_id = name.removesuffix("/")
        if MODEL_ID.fullmatch(model_id) and (before is None or model_id < before):
            yield model_id


def read_model(store: Store, model_id: str, rules: Rules = NO_RULES) -> PublishedModel | None:
    """Return the model ``model_id``; ``None`` if it does not exist.

    Raises
    ------
    AlteredModel
        The manifest is damaged, belongs to another model, or is not signed as ``rules`` demand.
    """
    manifest = read_manifest(store, model_id, rules)
    if manifest is None:
        return None
    model = PublishedModel(store, model_id, manifest, rules.limits)
    if model.model_id != model_id:
        raise AlteredModel(f"{MANIFEST} of model {model_id} belongs to model {model.model_id!r}")
    return model
