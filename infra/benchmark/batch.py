"""The section ``batch``: all recordings of the corpus on all cores."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmark.bench import Bench
from benchmark.contest import NotMeasuredError
from benchmark.rows import OURS, Row, Target
from benchmark.suffixes import ACCURATE
from ser.model import Model

SMILE = "openSMILE"
"""eGeMAPS and an SVM, with joblib on all cores."""
NAME = "all recordings of the corpus, on all cores"
COMMAND = "the same by commands, from the start of the process"


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    yield Row(NAME, "s", sides=(OURS, SMILE))
    yield Row(f"{NAME}{ACCURATE}", "s")
    yield Row(COMMAND, "s", (Target(5, SMILE),), (OURS, SMILE))


def measure(bench: Bench) -> None:
    """Measure ``Model.predict_many`` and openSMILE in turn, both with their models loaded."""
    files = [*map(str, sorted(bench.recordings.glob("*.wav")))]
    models = {NAME: load(bench.recipe)}
    models |= {f"{NAME}{ACCURATE}": load(model) for model in bench.accurate}
    try:
        turns = bench.turns
    except NotMeasuredError:
        turns = None
    for model in models.values():
        predict(model, files[: 4 * (os.cpu_count() or 1)])
    for _ in range(bench.effort.runs):
        for name, model in models.items():
            bench.rows[name].note(predict(model, files))
        bench.rows[COMMAND].note(run_command(bench.recipe, bench.recordings))
        if turns:
            bench.rows[NAME].note(turns.ask("batch"), SMILE)
            bench.rows[COMMAND].note(bench.smile.batch(), SMILE)


def load(folder: Path) -> Model:
    """Return the model in ``folder``."""
    return Model((folder / "model.onnx").read_bytes())


def predict(model: Model, files: list[str]) -> float:
    """Return the seconds in which ``model`` judges ``files``."""
    start = time.perf_counter()
    for prediction in model.predict_many(files):
        if isinstance(prediction, Exception):
            raise prediction
    return time.perf_counter() - start


def run_command(model: Path, recordings: Path) -> float:
    """Return the seconds in which ``ser predict`` judges the folder ``recordings``."""
    command = [sys.executable, "-m", "ser.command", "predict", str(recordings), "--format", "csv"]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--model", str(model / "model.onnx")], stdout=subprocess.PIPE, check=True
    )
    seconds = time.perf_counter() - start
    if done.stdout.count(b"\n") != 1 + len([*recordings.glob("*.wav")]):
        raise RuntimeError("ser predict has not judged every recording")
    return seconds
