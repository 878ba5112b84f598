"""The section ``size``: installed requirements, and files of models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmark.bench import Bench
from benchmark.contest import NotMeasuredError
from benchmark.installed import MEGABYTE, installed_megabytes
from benchmark.rows import OURS, USUAL, Row, Rows, Target
from benchmark.smile import SCRIPTS
from benchmark.suffixes import ACCURATE
from stack import ROOT

SERVERS = "FastAPI, BentoML"
USUAL_REQUIREMENTS = Path(__file__).parent / "usual" / "requirements.txt"


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    yield Row("installed size, predict", "MB", (Target(200),), (OURS, USUAL, SERVERS))
    yield Row("installed size, train", "MB")
    yield Row("model file of our recipe", "MB", (Target(1.7),))
    yield Row(f"model file{ACCURATE}", "MB")


def measure(bench: Bench) -> None:
    """Measure the section."""
    measure_installed(bench.rows)
    bench.rows["model file of our recipe"].note(file_megabytes(bench.recipe))
    for model in bench.accurate:
        bench.rows[f"model file{ACCURATE}"].note(file_megabytes(model))
    try:
        packages = bench.environment.parents[1] / "lib"
    except NotMeasuredError:
        return
    (site_packages,) = packages.glob("python*/site-packages")
    size = installed_megabytes(SCRIPTS / "requirements.in", [str(site_packages)])
    bench.rows["installed size, predict"].note(size, SERVERS)


def measure_installed(rows: Rows) -> None:
    """Measure the installed size of the requirements of each function."""
    for name in ("predict", "train"):
        requirements = ROOT / "functions" / name / "requirements.txt"
        rows[f"installed size, {name}"].note(installed_megabytes(requirements))
    rows["installed size, predict"].note(installed_megabytes(USUAL_REQUIREMENTS), USUAL)


def file_megabytes(model: Path) -> float:
    """Return the size of the model in the folder ``model``."""
    return (model / "model.onnx").stat().st_size / MEGABYTE
