"""Training of a recipe on a corpus, which leads to a published model or to an evaluation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ser._promote_if import PromoteIf
from ser.evaluation import Evaluation
from ser.training._presets import DEFAULT_PRESET, PRESETS, with_default_preset, with_defaults
from ser.training._promotion import (
    Promotion,
    aliases_of,
    promotion_faults,
    require_promotion,
    with_promotion,
)
from ser.training._publication import LATEST, answer_of, move_aliases
from ser.training._recipe import EvaluationKind, Recipe, require_encoders

if TYPE_CHECKING:
    from ser.training._api import evaluate, train
    from ser.training._corpus import (
        PreparedCorpus,
        SplitCorpus,
        extract_features,
        load_and_split,
    )
    from ser.training._gate import compare_models
    from ser.training._training import compose, evaluate_recipe, fit, train_recipe

__all__ = [
    "DEFAULT_PRESET",
    "LATEST",
    "PRESETS",
    "Evaluation",
    "EvaluationKind",
    "PreparedCorpus",
    "PromoteIf",
    "Promotion",
    "Recipe",
    "SplitCorpus",
    "aliases_of",
    "answer_of",
    "compare_models",
    "compose",
    "evaluate",
    "evaluate_recipe",
    "extract_features",
    "fit",
    "load_and_split",
    "move_aliases",
    "promotion_faults",
    "require_encoders",
    "require_promotion",
    "train",
    "train_recipe",
    "with_default_preset",
    "with_defaults",
    "with_promotion",
]

# Servers import this package to check requests; the code for training is loaded on first use.
LAZY = {
    "PreparedCorpus": "_corpus",
    "SplitCorpus": "_corpus",
    "compare_models": "_gate",
    "compose": "_training",
    "evaluate": "_api",
    "evaluate_recipe": "_training",
    "extract_features": "_corpus",
    "fit": "_training",
    "load_and_split": "_corpus",
    "train": "_api",
    "train_recipe": "_training",
}
"""The module of each name that is loaded on first use."""


def __getattr__(name: str) -> Any:
    if name in LAZY:
        return getattr(import_module(f"{__name__}.{LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
