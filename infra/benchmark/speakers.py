"""The section ``speakers``: each speaker of the corpus left out, from features that exist."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.bench import Bench
from benchmark.rows import Row, Target
from benchmark.trials import run

FORMS = {"exact": 15.0, "differences": 5.0}
"""The forms of leaving speakers out, with the processor time to reach in seconds."""


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    for form, seconds in FORMS.items():
        yield Row(processor_time(form), "s", (Target(seconds),))
        yield Row(recall(form), "")


def measure(bench: Bench) -> None:
    """Measure evaluations of our recipe in processes of their own."""
    corpus, data_path = str(bench.place.archive), str(bench.kept_features)
    fields = {"corpus": corpus, "data_path": data_path, "preset": "light"}
    # The first evaluation extracts the features, unless they are kept already.
    run("evaluate", fields)
    for form in FORMS:
        trial = run("evaluate", fields | {"leave_out": form})
        bench.rows[processor_time(form)].note(trial.answer["processor_seconds"])
        bench.rows[recall(form)].note(trial.answer["uar"])


def processor_time(form: str) -> str:
    """Return the name of the row on the cost of ``form``."""
    return f"each speaker left out, {form}, processor time"


def recall(form: str) -> str:
    """Return the name of the row on the figure of ``form``."""
    return f"each speaker left out, {form}, average recall"
