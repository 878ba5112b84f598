"""Pretrained speech encoders as ONNX graphs."""

from __future__ import annotations

from ser.encoders._known import KNOWN
from ser.encoders._preparation import MEL_BANDS, STRIDE, Input, PreparedEncoder, prepare
from ser.encoders._sources import ENCODERS, EncoderSources

__all__ = [
    "ENCODERS",
    "KNOWN",
    "MEL_BANDS",
    "STRIDE",
    "EncoderSources",
    "Input",
    "PreparedEncoder",
    "prepare",
]
