"""The results as tables, JSON, and a plot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec
from rich import box
from rich.markup import escape
from rich.table import Table

from benchmark.rows import OURS, USUAL, Row, Target
from benchmark.sections import Measured
from benchmark.training import Stages

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOTHING = "–"
"""Placeholder for values that were not measured or are not compared."""
BLUE, RED = "#3b82c4", "#c2410c"
SYMBOLS = {True: "yes", False: "no", None: NOTHING}


@dataclass(frozen=True)
class Results:
    """The results of a benchmark."""

    sections: tuple[Measured, ...]
    stages: Stages
    facts: dict[str, str]
    """Properties of the machine and the corpus, and the number of runs."""

    def as_json(self) -> bytes:
        """Return all values and their summaries."""
        document = {
            "facts": self.facts,
            "sections": [section_document(section) for section in self.sections],
            "stages": self.stages,
        }
        return msgspec.json.format(msgspec.json.encode(document)) + b"\n"

    def plot(self, file: Path) -> None:
        """Draw the ratios to the usual function, and the stages, to ``file``, a PNG."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11, 10), layout="constrained")
        ratios, stages = figure.subplots(2, height_ratios=(4, 1))
        rows = [row for section in self.sections for row in section.rows]
        plot_ratios(ratios, [row for row in rows if row.ratios(USUAL)])
        plot_stages(stages, self.stages)
        for axes in (ratios, stages):
            axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(f"{self.facts['processor']}, {self.facts['cores']} cores")
        figure.savefig(file, dpi=150)


def section_document(section: Measured) -> dict[str, Any]:
    return {
        "name": section.name,
        "title": section.title,
        "missing": section.missing,
        "rows": [row_document(row) for row in section.rows],
    }


def row_document(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "unit": row.unit,
        "more_is_better": row.more_is_better,
        "values": {side: summary_document(row.of(side)) for side in row.sides},
        "ratios": {side: summary_document(row.ratios(side)) for side in row.sides[1:]},
        "targets": [{**target._asdict(), "reached": row.reached(target)} for target in row.targets],
    }


def summary_document(values: list[float]) -> dict[str, Any] | None:
    if not values:
        return None
    return {"median": median(values), "min": min(values), "max": max(values), "values": values}


def section_table(section: Measured) -> Table:
    """Return a table in Markdown with a line for each row of ``section``.

    A cell is the median, with the range in parentheses. Cells of other sides have the factor by
    which ours is better.
    """
    table = Table(box=box.MARKDOWN)
    sides = [*dict.fromkeys(side for row in section.rows for side in row.sides)]
    table.add_column(section.title)
    for column in (*sides, "reach", "reached"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in section.rows:
        name = f"{row.name} [{row.unit}]" if row.unit else row.name
        table.add_row(escape(name), *(cell(row, side) for side in sides), *targets_of(row))
    return table


def cell(row: Row, side: str) -> str:
    """Return the values of ``side``, and the factor by which ours are better."""
    ratios = [] if side == OURS else row.ratios(side)
    factor = f", {number(median(ratios))} ×" if ratios else ""
    return summary(row.of(side)) + factor


def stage_table(stages: Stages) -> Table:
    """Return a table in Markdown of the seconds of each training by stage."""
    table = Table(box=box.MARKDOWN)
    table.add_column("Seconds of each stage")
    names = stage_names(stages)
    for name in names:
        table.add_column(name, justify="right")
    for row, seconds in stages.items():
        table.add_row(row, *(number(seconds[n]) if n in seconds else NOTHING for n in names))
    return table


def summary(values: list[float]) -> str:
    """Return ``0.51 (0.50 – 0.60)``, or a single value."""
    if len(values) < 2:
        return number(values[0]) if values else NOTHING
    return f"{number(median(values))} ({number(min(values))} – {number(max(values))})"


def number(value: float) -> str:
    """Return ``value`` with three significant digits."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def targets_of(row: Row) -> tuple[str, str]:
    """Return the targets of ``row``, and whether it reaches them."""
    reached = [SYMBOLS[row.reached(target)] for target in row.targets]
    return "; ".join(bound(row, target) for target in row.targets), ", ".join(reached)


def bound(row: Row, target: Target) -> str:
    if target.over:
        return f"{target.bound:g} × {target.over}"
    return f"{'≥' if row.more_is_better else '≤'} {target.bound:g}"


def stage_names(stages: Stages) -> list[str]:
    return list(dict.fromkeys(name for seconds in stages.values() for name in seconds))


def plot_ratios(axes: Axes, rows: Iterable[Row]) -> None:
    """Draw the ratio of each of ``rows`` to the usual function, with its range and its target."""
    names = []
    for position, row in enumerate(rows):
        names.append(row.name)
        ratios = row.ratios(USUAL)
        ratio, least, most = median(ratios), min(ratios), max(ratios)
        axes.barh(position, ratio - 1, left=1, color=BLUE if ratio >= 1 else RED)
        axes.plot([least, most], [position] * 2, color="black", linewidth=1)
        for target in (target for target in row.targets if target.over == USUAL):
            axes.plot([target.bound] * 2, [position - 0.45, position + 0.45], color=RED)
        axes.annotate(
            number(ratio), (1.01, position), xycoords=("axes fraction", "data"), va="center"
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.margins(y=0.01)
    axes.invert_yaxis()
    axes.set_xlabel(
        "times better than TensorFlow and librosa in the handler (black: range; red mark: target)"
    )


def plot_stages(axes: Axes, stages: Stages) -> None:
    """Draw the seconds of each training by stage."""
    left = dict.fromkeys(stages, 0.0)
    for stage in stage_names(stages):
        seconds = [each.get(stage, 0.0) for each in stages.values()]
        axes.barh(list(stages), seconds, left=list(left.values()), label=stage)
        left = {name: left[name] + more for name, more in zip(left, seconds, strict=True)}
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    if stages:
        axes.legend(ncols=8, loc="lower left", bbox_to_anchor=(0, 1), frameon=False)
