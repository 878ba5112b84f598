"""Inference: from the request of POST /predict to the probabilities of each sound."""

from __future__ import annotations

from ser.service.inference.predictor import Predictor, charge_of, ignore_charge
from ser.service.inference.request import (
    ENROLMENTS,
    PredictRequest,
    ReportRequest,
    with_timeline,
)
from ser.service.inference.timelines import CSV, NDJSON

__all__ = [
    "CSV",
    "ENROLMENTS",
    "NDJSON",
    "PredictRequest",
    "Predictor",
    "ReportRequest",
    "charge_of",
    "ignore_charge",
    "with_timeline",
]
