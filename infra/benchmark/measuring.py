"""The measurements of a benchmark, in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmark.contest import USUAL, Contest, Contestant, Effort
from benchmark.machine import machine
from benchmark.prediction import measure_cold, measure_cold_from_s3, measure_warm
from benchmark.report import Results
from benchmark.rows import ACCURATE, DIRECT, SAME_NETWORK, Rows, all_rows
from benchmark.sizes import installed_megabytes
from benchmark.speed import measure_speed
from benchmark.training import measure_beside_training, measure_trainings
from benchmark.workplace import Workplace
from benchmark.yardstick import make_accurate, make_yardstick
from ser._progress import Progress
from ser.errors import SerError
from ser.model import Model
from ser.sounds import SAMPLING_RATE, Signal
from stack import ROOT

MEASUREMENTS = {
    "first answers": measure_cold,
    "first answers from S3": measure_cold_from_s3,
    "further answers": measure_warm,
    "front-ends": measure_speed,
    "answers beside a training": measure_beside_training,
}


def measure(place: Workplace, corpus: str, effort: Effort, progress: Progress) -> Results:
    """Return the results for the corpus called ``corpus``, measured in ``place``."""
    rows = all_rows()
    measure_sizes(rows)
    progress("trainings", 0.0)
    recipe, stages = measure_trainings(rows, place)
    yardstick = make_yardstick(place)
    accurate, notes = try_accurate(place)
    progress("trainings", 1.0)
    network = yardstick.same_network
    contestants = (
        Contestant("ours", recipe, code_predictor(recipe), ("", DIRECT)),
        Contestant("ours", network, code_predictor(network), (SAME_NETWORK,)),
        Contestant("usual", yardstick.usual, code_predictor(network), ("", SAME_NETWORK)),
        Contestant(
            "usual", yardstick.usual, code_predictor(network), (DIRECT,), (("call", "directly"),)
        ),
        *(Contestant("ours", model, code_predictor(model), (ACCURATE,)) for model in accurate),
    )
    contest = Contest(place, contestants, yardstick.utterances, effort, rows)
    for name, measurement in MEASUREMENTS.items():
        progress(name, 0.0)
        measurement(contest)
        progress(name, 1.0)
    facts = {"corpus": corpus, "runs": str(effort.runs), **notes, **machine()}
    return Results(rows, stages, facts)


def try_accurate(place: Workplace) -> tuple[list[Path], dict[str, str]]:
    """Return the folder of a model with an encoder, or none and the reason in a fact."""
    try:
        return [make_accurate(place)], {}
    except SerError as error:
        return [], {f"not measured{ACCURATE}": str(error)}


def code_predictor(model: Path) -> Callable[[Signal], str]:
    """Return a function from a signal to the code of the emotion that ``model`` predicts."""
    loaded = Model((model / "model.onnx").read_bytes())

    def code(signal: Signal) -> str:
        probabilities = loaded.predict(signal, SAMPLING_RATE).probabilities.array
        return loaded.labels[probabilities.argmax()].code

    return code


def measure_sizes(rows: Rows) -> None:
    """Measure the installed size of the requirements of each function."""
    train, predict = (ROOT / "functions" / name for name in ("train", "predict"))
    for values, folder in (
        (rows["installed size, predict"].ours, predict),
        (rows["installed size, predict"].usual, USUAL.parent),
        (rows["installed size, train"].ours, train),
    ):
        values.append(installed_megabytes(folder / "requirements.txt"))
