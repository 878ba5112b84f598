"""Measured quantities with their units, and the figures that they should reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

OURS = "ours"
USUAL = "usual"
"""A handler that imports TensorFlow and librosa."""
FASTAPI = "FastAPI"
BENTOML = "BentoML"
BEFORE = "release before"
ALTERNATIVES = (FASTAPI, BENTOML)
"""Servers of openSMILE's features and an SVM."""


class Target(NamedTuple):
    """A bound for the median of our values, or of the ratios to those of another side."""

    bound: float
    over: str | None = None
    """The side to which ratios are taken; ``None``: the bound is for our values."""


@dataclass
class Row:
    """A measured quantity; the values of all sides are measured in turn."""

    name: str
    unit: str
    targets: tuple[Target, ...] = ()
    sides: tuple[str, ...] = (OURS,)
    """Who is measured, ourselves first."""
    more_is_better: bool = False
    values: dict[str, list[float]] = field(default_factory=dict)
    """One value for each turn, by side."""

    def note(self, value: float, side: str = OURS) -> None:
        """Add the value of one turn of ``side``."""
        self.values.setdefault(side, []).append(value)

    def of(self, side: str) -> list[float]:
        """Return the values of ``side``; an empty list if it was not measured."""
        return self.values.get(side, [])

    def ratios(self, side: str) -> list[float]:
        """Return the factors by which our values are better than those of ``side``, by turn."""
        if not self.of(OURS) or not self.of(side):
            return []
        pairs = zip(self.of(OURS), self.of(side), strict=True)
        return [ours / theirs if self.more_is_better else theirs / ours for ours, theirs in pairs]

    def reached(self, target: Target) -> bool | None:
        """Return whether ``target`` is reached; ``None`` if its values were not measured."""
        values = self.ratios(target.over) if target.over else self.of(OURS)
        if not values:
            return None
        upwards = self.more_is_better or target.over is not None
        return median(values) >= target.bound if upwards else median(values) <= target.bound


Rows = dict[str, Row]


def by_name(rows: Iterable[Row]) -> Rows:
    """Return ``rows`` by their names."""
    return {row.name: row for row in rows}
