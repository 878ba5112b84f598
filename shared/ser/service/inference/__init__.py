"""Inference: from the request of POST /predict to the probabilities of each sound."""

from __future__ import annotations

from ser.service.inference.predictor import Predictor, charge_of, ignore_charge
from ser.service.inference.request import ENROLMENTS, PredictRequest, ReportRequest

__all__ = [
    "ENROLMENTS",
    "PredictRequest",
    "Predictor",
    "ReportRequest",
    "charge_of",
    "ignore_charge",
]
