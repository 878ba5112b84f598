"""The section ``growth``: time and memory of trainings on ever more speech."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmark.bench import Bench
from benchmark.contest import Effort
from benchmark.repeated import save
from benchmark.rows import Row, Target
from benchmark.trials import run
from ser.dataset import Dataset
from ser.training import PRESETS

SEED = 42
LARGEST_RATIO = "peak memory, largest over smallest corpus"
MEGABYTES_OF_LARGEST, RATIO, MEGABYTES_OF_HOURS = 700, 1.15, 1000
"""Figures to reach: at eight times EmoDB, and of the training from repeated vectors."""


def rows(effort: Effort) -> Iterator[Row]:
    """Yield the rows of the section."""
    largest = max(effort.copies)
    for times in effort.copies:
        targets = (Target(MEGABYTES_OF_LARGEST),) if times == largest else ()
        yield Row(f"peak memory of a training, corpus × {times}", "MB", targets)
    yield Row(LARGEST_RATIO, "×", (Target(RATIO),))
    for times in effort.copies:
        yield Row(f"a training, corpus × {times}", "s")
    name = hours_name(effort)
    yield Row(f"{name}, peak memory", "MB", (Target(MEGABYTES_OF_HOURS),))
    yield Row(f"{name}, time", "s")
    yield Row(f"{name}, rows", "")


def hours_name(effort: Effort) -> str:
    """Return the beginning of the names of the rows about many hours."""
    return f"fit to {effort.hours:g} h of repeated vectors with noise"


def measure(bench: Bench) -> None:
    """Measure the section."""
    measure_copies(bench)
    measure_hours(bench)


def measure_copies(bench: Bench) -> None:
    """Measure trainings of our recipe on the corpus and on perturbed copies with new speakers."""
    peaks = []
    for times in bench.effort.copies:
        folder = bench.place.folder / f"times {times}"
        arguments = {
            "corpus": str(bench.speech.write(folder / "corpus", times)),
            "registry": str(folder / "registry"),
            "data_path": str(folder / "data"),
            "preset": "light",
        }
        trial = run("train", arguments)
        peaks.append(trial.megabytes)
        bench.rows[f"peak memory of a training, corpus × {times}"].note(trial.megabytes)
        bench.rows[f"a training, corpus × {times}"].note(trial.seconds)
    bench.rows[LARGEST_RATIO].note(peaks[-1] / peaks[0])


def measure_hours(bench: Bench) -> None:
    """Measure a fit to hours of speech, whose features are those of the corpus with noise.

    Nothing is extracted: that would take hours, and holds no more than a training of a copy does.
    """
    file = bench.place.folder / "vectors.npz"
    save_vectors(bench, file)
    times = round(bench.effort.hours / bench.speech.hours) or 1
    trial = run("fit_repeated", {"features": str(file), "times": times, "seed": SEED})
    name = hours_name(bench.effort)
    bench.rows[f"{name}, peak memory"].note(trial.megabytes)
    bench.rows[f"{name}, time"].note(trial.answer["seconds"])
    bench.rows[f"{name}, rows"].note(trial.answer["rows"])


def save_vectors(bench: Bench, file: Path) -> None:
    """Write the features of the corpus and its augmented copies, as our recipe has them."""
    recipe = PRESETS["light"]
    dataset = Dataset(bench.kept_features, str(bench.place.archive))
    dataset.load(split_at=recipe["dataset_load_split_at"])
    dataset.feature_extract(
        recipe["dataset_feature_extract_methods"], augmentation=recipe["dataset_augmentation"]
    )
    save(file, *dataset.get_training_rows())
