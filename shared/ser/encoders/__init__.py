"""Pretrained speech encoders as ONNX graphs."""

from __future__ import annotations

from ser.encoders._known import KNOWN, KnownEncoder
from ser.encoders._preparation import MEL_BANDS, STRIDE, Input, PreparedEncoder, prepare
from ser.encoders._quantisation import quantised
from ser.encoders._sources import ENCODERS, EncoderSources, origin_of

__all__ = [
    "ENCODERS",
    "KNOWN",
    "MEL_BANDS",
    "STRIDE",
    "EncoderSources",
    "Input",
    "KnownEncoder",
    "PreparedEncoder",
    "origin_of",
    "prepare",
    "quantised",
]
