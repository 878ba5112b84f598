"""Answering: from the body of POST /predict to the probabilities of each utterance."""

from __future__ import annotations

from ser.service.inference.description import describe_predict
from ser.service.inference.predictor import Predictor

__all__ = ["Predictor", "describe_predict"]
