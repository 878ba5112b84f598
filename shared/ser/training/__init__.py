"""Training: from a corpus and a recipe to a published model."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ser.training._publication import answer_of, move_aliases
from ser.training._recipe import Evaluation, Recipe, type_defaults

if TYPE_CHECKING:
    from ser.training._steps import train

__all__ = ["Evaluation", "Recipe", "answer_of", "move_aliases", "train", "type_defaults"]


def __getattr__(name: str) -> Any:
    # Servers import this package to check requests; what trains stays unloaded there.
    if name == "train":
        return import_module("ser.training._steps").train
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
