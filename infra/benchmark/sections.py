"""The sections of a benchmark, each with a table of its own, and their measurement in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from benchmark import (
    answers,
    batch,
    cluster,
    features,
    growth,
    load,
    size,
    speakers,
    start,
    timeline,
    training,
)
from benchmark.bench import Bench
from benchmark.contest import Effort, NotMeasuredError
from benchmark.rows import Row, by_name
from ser._progress import Progress
from ser.errors import SerError


class Section(NamedTuple):
    """A part of the benchmark that can be measured alone."""

    title: str
    rows: Callable[[Effort], Iterable[Row]]
    measure: Callable[[Bench], None]


class Measured(NamedTuple):
    """A section with its values."""

    name: str
    title: str
    rows: tuple[Row, ...]
    missing: tuple[str, ...]
    """Reasons for which a part of it was not measured."""


SECTIONS: dict[str, Section] = {
    "size": Section("Installed and stored", lambda _: size.rows(), size.measure),
    "features": Section(
        "Feature extraction on one thread", lambda _: features.rows(), features.measure
    ),
    "start": Section("Process start to first answer", lambda _: start.rows(), start.measure),
    "answers": Section("Further answers, one worker", lambda _: answers.rows(), answers.measure),
    "load": Section("3 s clips, a worker on each core", lambda _: load.rows(), load.measure),
    "timeline": Section(
        "Time lines, and listeners at once", lambda _: timeline.rows(), timeline.measure
    ),
    "batch": Section("A folder of recordings", lambda _: batch.rows(), batch.measure),
    "speakers": Section("Leaving speakers out", lambda _: speakers.rows(), speakers.measure),
    "training": Section("Trainings over HTTP", lambda _: training.rows(), training.measure),
    "cluster": Section("A Dask cluster", lambda _: cluster.rows(), cluster.measure),
    "growth": Section("Ever more speech", growth.rows, growth.measure),
}


def measure(bench: Bench, names: Iterable[str], progress: Progress) -> Iterator[Measured]:
    """Measure the sections ``names``, and yield each as soon as it is done."""
    for name in names:
        section = SECTIONS[name]
        bench.rows, bench.missing = by_name(section.rows(bench.effort)), {}
        progress(name, 0.0)
        try:
            section.measure(bench)
        except (NotMeasuredError, RuntimeError, SerError) as error:
            # Sections that take many minutes should not be lost because another one fails.
            bench.missing[str(error)] = None
        progress(name, 1.0)
        yield Measured(name, section.title, tuple(bench.rows.values()), tuple(bench.missing))
