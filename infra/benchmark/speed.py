"""The speed of feature extraction on one thread."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import onnxruntime
from threadpoolctl import threadpool_limits

from benchmark.contest import Contest
from benchmark.usual.main import extract
from ser.sounds import SAMPLING_RATE, Signal

SPEECH_SECONDS = 60
"""Duration of the extracted speech, in whole utterances of the corpus."""
ERROR = 3
"""Log level of onnxruntime; at the level below it warns of every optional input."""

Extract = Callable[[Signal], object]


def measure_speed(contest: Contest) -> None:
    """Measure the front-end of each contestant on the same utterances in turn."""
    recipe, network, usual = (each.model for each in contest.contestants[:3])
    front_ends = (
        (contest.rows["front-end Functionals"].ours, front_end(recipe)),
        (contest.rows["front-end MFCC"].ours, front_end(network)),
        (contest.rows["front-end MFCC"].usual, usual_front_end(usual)),
    )
    lengths = accumulate(map(len, contest.utterances))
    count = sum(length <= SPEECH_SECONDS * SAMPLING_RATE for length in lengths)
    utterances = contest.utterances[:count]
    with threadpool_limits(1):
        for _, extract_features in front_ends:
            extract_features(utterances[0])
        for _ in range(contest.effort.runs):
            for values, extract_features in front_ends:
                values.append(times_real_time(extract_features, utterances))


def front_end(model: Path) -> Extract:
    """Return the front-end of ``model``, a folder in our registry."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = ERROR
    session = onnxruntime.InferenceSession((model / "model.onnx").read_bytes(), options)
    return lambda signal: session.run(["features"], {"waveform": signal})


def usual_front_end(model: Path) -> Extract:
    """Return the front-end of ``model``, a folder of the usual function."""
    settings = json.loads((model / "settings.json").read_text())
    return lambda signal: extract(signal, settings)


def times_real_time(extract_features: Extract, utterances: tuple[Signal, ...]) -> float:
    """Return the duration of ``utterances`` divided by the time that their features take."""
    start = time.perf_counter()
    for utterance in utterances:
        extract_features(utterance)
    return sum(map(len, utterances)) / SAMPLING_RATE / (time.perf_counter() - start)
