"""The section ``speakers``: each speaker of the corpus left out, from features that exist."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.bench import Bench
from benchmark.contest import NotMeasuredError
from benchmark.rows import Row, Target
from benchmark.trials import run

FORMS = {"exact": 15.0, "differences": 5.0}
"""The forms of leaving speakers out, with the processor time to reach in seconds."""
FIELD = "speaker_folds_form"
"""The field of a recipe that selects the form."""


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    for form, seconds in FORMS.items():
        yield Row(f"each speaker left out, {form}, processor time", "s", (Target(seconds),))
        yield Row(f"each speaker left out, {form}, average recall", "")


def measure(bench: Bench) -> None:
    """Measure evaluations of our recipe in processes of their own."""
    corpus, data_path = str(bench.place.archive), str(bench.kept_features)
    fields = {"corpus": corpus, "data_path": data_path, "preset": "light"}
    # The first evaluation extracts the features, unless they are kept already.
    run("evaluate", fields)
    for form in FORMS:
        try:
            trial = run("evaluate", fields | {FIELD: form})
        except RuntimeError as error:
            raise NotMeasuredError(str(error)) from error
        name = f"each speaker left out, {form}"
        bench.rows[f"{name}, processor time"].note(trial.answer["processor_seconds"])
        bench.rows[f"{name}, average recall"].note(trial.answer["uar"])
