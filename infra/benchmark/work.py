"""Work that :mod:`benchmark.trials` runs: ``python -m benchmark.work FUNCTION ARGUMENTS``.

It uses only what every release of ``ser`` has in common, unless a function says otherwise.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.processes import kibibytes, processor_seconds

LEAVE_OUT = "leave speakers out"
"""The step of an evaluation in which classifiers are fitted and asked."""


def train(corpus: str, registry: str, **fields: Any) -> dict[str, Any]:
    """Return the id of a model trained on ``corpus``, and the seconds of each stage."""
    import ser

    answer = ser.train(corpus, registry=registry, **fields)
    return {"model_id": answer["model_id"], "seconds": answer["seconds"]}


def evaluate(corpus: str, **fields: Any) -> dict[str, Any]:
    """Return the figures of speakers left out, and the processor time of all their folds."""
    import ser

    pid = os.getpid()
    begin = 0.0

    def note(step: str, _share: float) -> None:
        nonlocal begin
        # The last report of the steps before it.
        if step != LEAVE_OUT:
            begin = processor_seconds(pid)

    evaluation = ser.evaluate(corpus, progress=note, **fields)
    seconds = processor_seconds(pid) - begin
    return {"uar": evaluation.figures["uar"], "processor_seconds": seconds}


def fit_repeated(features: str, times: int, seed: int) -> dict[str, float]:
    """Fit the recipe's classifier to ``times`` repetitions of recorded features with noise."""
    from benchmark.repeated import RepeatedRows
    from ser.classifiers import DiscriminantClassifier

    rows = RepeatedRows.load(Path(features), times, seed)
    start = time.perf_counter()
    DiscriminantClassifier().fit_rows(rows)
    return {"rows": rows.count, "columns": rows.columns, "seconds": time.perf_counter() - start}


WORK: dict[str, Callable[..., Any]] = {
    "train": train,
    "evaluate": evaluate,
    "fit_repeated": fit_repeated,
}


def main() -> None:
    """Run a function, and print its result and the peak of this process's memory."""
    name, arguments = sys.argv[1:]
    result = WORK[name](**json.loads(arguments))
    print(json.dumps({"result": result, "peak_kib": kibibytes(os.getpid(), "VmHWM")}), flush=True)


if __name__ == "__main__":
    main()
