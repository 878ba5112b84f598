"""The deletion of models, and the choice of those that a sweep may delete.

An alias keeps the model that it points at, and the one that a rollback would bring back.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from itertools import islice

from ser.errors import AlteredModel, Conflict, InvalidInput
from ser.registry._aliases import alias_names, led_to, read_alias
from ser.registry._documents import MANIFEST, seconds_since
from ser.registry._lookup import published_ids, read_model
from ser.store import Store

logger = logging.getLogger(__name__)


def delete_model(store: Store, model_id: str) -> bool:
    """Delete a model that no alias leads to: first its manifest, then its files.

    Returns
    -------
    bool
        False if there is no such model.

    Raises
    ------
    Conflict
        An alias leads to the model.
    """
    require_unused(store, model_id)
    key = f"{model_id}/{MANIFEST}"
    manifest = store.read(key)
    if manifest is None:
        return False
    store.delete(key)
    try:
        # An alias may have moved to the model since the first look. One that moves after this look
        # finds no manifest, and is moved back by its mover.
        require_unused(store, model_id)
    except BaseException:
        store.create(key, manifest.data)
        raise
    store.sweep(model_id)
    return True


def delete_unless_used(store: Store, model_id: str) -> bool:
    """Delete a model and return True, unless an alias has moved to it or it is gone."""
    try:
        return delete_model(store, model_id)
    except Conflict as error:
        logger.info("%s", error.detail)
        return False


def require_unused(store: Store, model_id: str) -> None:
    """Raise :class:`Conflict` if an alias leads to the model."""
    pointing, returning = [], []
    for alias in alias_names(store):
        document = read_alias(store, alias)
        if document is None:
            continue
        if document.model_id == model_id:
            pointing.append(alias)
        elif model_id in led_to(document.history):
            returning.append(alias)
    reasons = []
    if pointing:
        noun, verb = ("alias", "points") if len(pointing) == 1 else ("aliases", "point")
        reasons.append(f"{noun} {', '.join(pointing)} {verb} at it")
    if returning:
        noun = "alias" if len(returning) == 1 else "aliases"
        reasons.append(f"a rollback of {noun} {', '.join(returning)} leads to it")
    if reasons:
        raise Conflict(
            f"model {model_id} cannot be deleted: {', and '.join(reasons)}; "
            "allowed: models to which no alias leads, so move the alias first"
        )


def unreachable(store: Store, keep: int, seconds: float) -> Iterator[str]:
    """Yield the ids of models that a sweep may delete, newest first.

    Parameters
    ----------
    keep
        Number of the newest models that stay.
    seconds
        Age below which a model stays: the training that has published it may still move an alias.

    Raises
    ------
    InvalidInput
        ``keep`` is negative.
    """
    if keep < 0:
        raise InvalidInput(f"{keep} models cannot be kept; allowed: a number of 0 or more")
    used: set[str] = set()
    for alias in alias_names(store):
        if document := read_alias(store, alias):
            used.update(led_to(document.history))
    for model_id in islice(published_ids(store, None), keep, None):
        if model_id not in used and age(store, model_id) >= seconds:
            yield model_id


def age(store: Store, model_id: str) -> float:
    """Return the seconds since the publication of a model; infinite if its manifest is damaged."""
    try:
        model = read_model(store, model_id)
    except AlteredModel:
        return math.inf
    return seconds_since(str(model.manifest.get("created_at"))) if model else 0.0
