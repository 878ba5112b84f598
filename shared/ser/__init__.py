"""Speech emotion recognition: a model is one ONNX file, raw waveform in, probabilities out.

Names are imported when they are first used: predict never pays for what only training needs.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ser.dataset import Dataset
    from ser.model import Model
    from ser.registry import open_registry
    from ser.training import Evaluation, evaluate, train

# onnxruntime reports its use to its makers unless told not to before its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = ["Dataset", "Evaluation", "Model", "evaluate", "open_registry", "train"]

HOMES = {
    "Dataset": "ser.dataset",
    "Evaluation": "ser.training",
    "Model": "ser.model",
    "evaluate": "ser.training",
    "open_registry": "ser.registry",
    "train": "ser.training",
}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
