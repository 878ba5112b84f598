"""Inspection of a model's file, which may come from anyone, before onnxruntime opens it.

A graph is a program. This package refuses files that could read other files, call code outside of
the standard operators, take memory or time out of proportion to the file, or that onnxruntime's
parser and :mod:`ser` could understand differently. It needs neither ``onnx`` nor onnxruntime.
"""

from __future__ import annotations

from ser.sealing._inspection import (
    MAX_BYTES,
    OPSETS,
    InspectedModel,
    Value,
    inspect_model,
)
from ser.sealing._operators import COMPOSED, ENCODERS, OPERATORS
from ser.sealing._reading import UnsafeModel

__all__ = [
    "COMPOSED",
    "ENCODERS",
    "MAX_BYTES",
    "OPERATORS",
    "OPSETS",
    "InspectedModel",
    "UnsafeModel",
    "Value",
    "inspect_model",
]
