"""Speech emotion recognition: a model is one ONNX file, raw waveform in, probabilities out.

Each name is imported on first use, so a program loads only the parts that it needs.

Examples
--------
>>> model = ser.load_model("latest", registry="model")
>>> model.predict("speech.wav").emotion
'anger'
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ser import errors
    from ser._domain_profile import DomainProfile
    from ser._features import Features
    from ser._labels import Label
    from ser._speaker_profile import SpeakerProfile
    from ser.client import Client
    from ser.corpora import Source
    from ser.dataset import Dataset
    from ser.errors import Conflict, InvalidInput, NotFound, RemoteFailed, SerError, TooLarge
    from ser.frontends import features
    from ser.model import Listening, Model, Prediction, Segment, Timeline, Turn
    from ser.registry import Registry, load_model, open_registry
    from ser.training import Evaluation, evaluate, train

# onnxruntime sends usage data to its developers unless this is set before its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = [
    "Client",
    "Conflict",
    "Dataset",
    "DomainProfile",
    "Evaluation",
    "Features",
    "InvalidInput",
    "Label",
    "Listening",
    "Model",
    "NotFound",
    "Prediction",
    "Registry",
    "RemoteFailed",
    "Segment",
    "SerError",
    "Source",
    "SpeakerProfile",
    "Timeline",
    "TooLarge",
    "Turn",
    "errors",
    "evaluate",
    "features",
    "load_model",
    "open_registry",
    "train",
]

MODULES = {
    "ser._domain_profile": ("DomainProfile",),
    "ser._features": ("Features",),
    "ser._labels": ("Label",),
    "ser._speaker_profile": ("SpeakerProfile",),
    "ser.client": ("Client",),
    "ser.corpora": ("Source",),
    "ser.dataset": ("Dataset",),
    "ser.errors": (
        *("Conflict", "InvalidInput", "NotFound", "RemoteFailed", "SerError", "TooLarge"),
    ),
    "ser.frontends": ("features",),
    "ser.model": ("Listening", "Model", "Prediction", "Segment", "Timeline", "Turn"),
    "ser.registry": ("Registry", "load_model", "open_registry"),
    "ser.training": ("Evaluation", "evaluate", "train"),
}
MODULE_OF = {name: module for module, names in MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("ser.errors")
    if name in MODULE_OF:
        return getattr(import_module(MODULE_OF[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
