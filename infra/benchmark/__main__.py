"""Measure, print the table, and write JSON and a plot to ``benchmark/``.

``EMODB_ZIP`` names the corpus, ``RUNS`` is the number of turns of each contestant.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmark.contest import Effort
from benchmark.measuring import measure
from benchmark.workplace import Workplace, choose_corpus
from ser.service.terminal import show_progress
from stack import ROOT

RESULTS = ROOT / "benchmark"


def main() -> None:
    """Run the benchmark."""
    runs = os.environ.get("RUNS") or "5"
    if not runs.isdecimal() or not int(runs):
        sys.exit(f"RUNS={runs}; allowed: a whole number from 1 on")
    # TensorFlow, here and in the functions, logs many messages that are not errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Without a terminal, lines of the table must not wrap.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    with tempfile.TemporaryDirectory() as folder, show_progress("bench") as progress:
        name, archive = choose_corpus(Path(folder), progress)
        console.print(f"Corpus: {name}.")
        place = Workplace(Path(folder) / "work", archive)
        results = measure(place, name, Effort(runs=int(runs)), progress)
    for key, fact in results.facts.items():
        console.print(f"{key}: {fact}")
    console.print(results.table(), results.stage_table())
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_bytes(results.as_json())
    results.plot(RESULTS / "results.png")
    console.print(f"Written: {RESULTS}/results.json, {RESULTS}/results.png", soft_wrap=True)


if __name__ == "__main__":
    main()
