"""Linear discriminant analysis that knows how sure it is, and whom it has heard before."""

from __future__ import annotations

from ser.classifiers.discriminant._classifier import DiscriminantClassifier

__all__ = ["DiscriminantClassifier"]
