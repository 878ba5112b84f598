"""Registries of models and aliases, in a local folder or an S3 bucket."""

from __future__ import annotations

from ser._model_file import NO_MODEL_LIMITS, ModelLimits
from ser.registry._aliases import ALIAS, ALIAS_GRAMMAR, Move, check_alias
from ser.registry._aliases import FOLDER as ALIASES_FOLDER
from ser.registry._documents import MODEL_ID, READY, Digest, encode, new_model_id
from ser.registry._keys import ModelKey
from ser.registry._loading import load_model
from ser.registry._model import PublishedModel
from ser.registry._opening import open_registry
from ser.registry._ready import READY_FOLDER, ready_model
from ser.registry._registry import Registry
from ser.registry._summary import ModelSummary, summarize

__all__ = [
    "ALIAS",
    "ALIASES_FOLDER",
    "ALIAS_GRAMMAR",
    "MODEL_ID",
    "NO_MODEL_LIMITS",
    "READY",
    "READY_FOLDER",
    "Digest",
    "ModelKey",
    "ModelLimits",
    "ModelSummary",
    "Move",
    "PublishedModel",
    "Registry",
    "check_alias",
    "encode",
    "load_model",
    "new_model_id",
    "open_registry",
    "ready_model",
    "summarize",
]
