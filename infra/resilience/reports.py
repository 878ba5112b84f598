"""The outcome of a check, as a section of the printed report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Report(NamedTuple):
    """The figures of one check, and its problems."""

    name: str
    figures: Mapping[str, float]
    problems: tuple[str, ...]
    """One sentence for each figure that is not reached; empty if the check has passed."""

    def __str__(self) -> str:
        width = max(map(len, self.figures), default=0)
        figures = (f"  {name:<{width}}  {value:>12,.10g}" for name, value in self.figures.items())
        problems = (f"  PROBLEM: {problem}" for problem in self.problems)
        return "\n".join([self.name, *figures, *problems])


def exit_status(reports: Iterable[Report]) -> int:
    """Return the exit status for ``reports``: 1 if one of them has problems."""
    return int(any(report.problems for report in reports))
