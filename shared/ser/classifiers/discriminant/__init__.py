"""Calibrated linear discriminant analysis that adapts to enrolled speakers."""

from __future__ import annotations

from ser.classifiers.discriminant._classifier import DiscriminantClassifier, DiscriminantScores

__all__ = ["DiscriminantClassifier", "DiscriminantScores"]
