"""Measure, print a table of each section, and write JSON and a plot to ``benchmark/``.

``EMODB_ZIP`` names the corpus, ``SECTIONS`` the sections to measure, and ``RELEASE`` the commit or
tag to compare with. ``RUNS`` is the number of turns of each contestant, and ``HOURS`` the amount of
speech of the training from repeated vectors.
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from rich.console import Console

from benchmark.bench import Bench
from benchmark.contest import Effort
from benchmark.machine import machine
from benchmark.report import Results, section_table, stage_table
from benchmark.sections import SECTIONS, Measured, measure
from benchmark.workplace import Workplace, choose_corpus
from ser.service.terminal import show_progress
from stack import ROOT

RESULTS = ROOT / "benchmark"


def main() -> None:
    """Run the benchmark."""
    effort = Effort(runs=whole("RUNS", Effort().runs), hours=whole("HOURS", int(Effort().hours)))
    names = chosen_sections()
    # TensorFlow, here and in the functions, logs many messages that are not errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Without a terminal, lines of the tables must not wrap.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 250)
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, show_progress("bench") as progress:
        corpus, archive = choose_corpus(Path(folder), progress)
        facts = {"corpus": corpus, "runs": str(effort.runs), **machine()}
        console.print(*(f"{key}: {fact}" for key, fact in facts.items()), sep="\n", soft_wrap=True)
        place = Workplace(Path(folder) / "work", archive)
        place.folder.mkdir()
        measured = []
        with closing(Bench(place, effort, RESULTS / "alternatives")) as bench:
            for section in measure(bench, names, progress):
                measured.append(section)
                show(console, section)
        results = Results(tuple(measured), bench.stages, facts)
    if results.stages:
        console.print(stage_table(results.stages))
    (RESULTS / "results.json").write_bytes(results.as_json())
    results.plot(RESULTS / "results.png")
    console.print(f"Written: {RESULTS}/results.json, {RESULTS}/results.png", soft_wrap=True)


def show(console: Console, section: Measured) -> None:
    """Print ``section``, and what of it was not measured."""
    console.print(section_table(section))
    for reason in section.missing:
        console.print(f"Not measured: {reason}", soft_wrap=True, markup=False)


def whole(variable: str, default: int) -> int:
    """Return the whole number in an environment variable; exit if there is something else."""
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or not int(text):
        sys.exit(f"{variable}={text}; allowed: a whole number from 1 on")
    return int(text)


def chosen_sections() -> list[str]:
    """Return the sections that ``SECTIONS`` names, or all; exit if there is no such section."""
    names = os.environ.get("SECTIONS", "").split() or [*SECTIONS]
    if unknown := [name for name in names if name not in SECTIONS]:
        sys.exit(f"SECTIONS={' '.join(unknown)}; allowed: {' '.join(SECTIONS)}")
    return names


if __name__ == "__main__":
    main()
