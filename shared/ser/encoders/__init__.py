"""Pretrained speech encoders as ONNX graphs."""

from __future__ import annotations

from ser.encoders._known import KNOWN
from ser.encoders._sources import ENCODERS, EncoderSources

__all__ = ["ENCODERS", "KNOWN", "EncoderSources"]
