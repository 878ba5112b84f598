"""Work of openSMILE in turns with ours: ``turns.py FOLDER MODEL``.

Each line of the input asks for one turn. ``speed SECONDS SET`` answers with the processor time
in which one thread extracts the features of the first recordings, whose duration in all is at most
SECONDS; ``batch`` answers with the time in which all cores judge all recordings.
"""

from __future__ import annotations

import json
import sys
import time
from functools import cache
from itertools import accumulate
from pathlib import Path

import joblib
import opensmile
import soundfile
from svm import extractor, judge_file

Recording = tuple[object, int]


@cache
def recordings(folder: Path, seconds: float) -> list[Recording]:
    """Return the first recordings of ``folder``, in all at most ``seconds`` long."""
    names = json.loads((folder / "labels.json").read_text())
    read = [soundfile.read(folder / name, dtype="float32") for name in names]
    lengths = accumulate(len(signal) / rate for signal, rate in read)
    return read[: sum(length <= seconds for length in lengths)]


@cache
def loaded(feature_set: str) -> opensmile.Smile:
    """Return an extractor that has extracted once."""
    return extractor(feature_set)


def speed(folder: Path, seconds: float, feature_set: str) -> float:
    """Return the processor time for the features of the first recordings."""
    smile, sounds = loaded(feature_set), recordings(folder, seconds)
    smile.process_signal(*sounds[0])
    start = time.process_time()
    for signal, rate in sounds:
        smile.process_signal(signal, rate)
    return time.process_time() - start


def batch(folder: Path, model: Path) -> float:
    """Return the time in which all cores judge all recordings."""
    files = [folder / name for name in json.loads((folder / "labels.json").read_text())]
    work = joblib.delayed(judge_file)
    with joblib.Parallel(n_jobs=-1) as parallel:
        # The processes are started, and have loaded the model, before the time is taken.
        parallel(work(model, file) for file in files[: 4 * joblib.cpu_count()])
        start = time.perf_counter()
        parallel(work(model, file) for file in files)
        return time.perf_counter() - start


def main(folder: Path, model: Path) -> None:
    """Answer each line of the input."""
    for line in sys.stdin:
        match line.split():
            case ["speed", seconds, feature_set]:
                print(speed(folder, float(seconds), feature_set), flush=True)
            case ["batch"]:
                print(batch(folder, model), flush=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
