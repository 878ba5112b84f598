"""How fast features are computed, on one thread."""

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

HEARD_SECONDS = 60
"""Of speech, in utterances as the corpus has them."""
ERROR = 3
"""Of onnxruntime's log; the level below warns of every input that may be left out."""

Hear = Callable[[Signal], object]


def measure_speed(contest: Contest) -> None:
    """Let the front-end of each contestant hear the same utterances in turn."""
    recipe, network, usual = (each.model for each in contest.contestants[:3])
    hearers = (
        (contest.rows["front-end Functionals"].ours, front_end(recipe)),
        (contest.rows["front-end MFCC"].ours, front_end(network)),
        (contest.rows["front-end MFCC"].usual, usual_front_end(usual)),
    )
    lengths = accumulate(map(len, contest.utterances))
    heard = sum(length <= HEARD_SECONDS * SAMPLING_RATE for length in lengths)
    utterances = contest.utterances[:heard]
    with threadpool_limits(1):
        for _, hear in hearers:
            hear(utterances[0])
        for _ in range(contest.effort.runs):
            for values, hear in hearers:
                values.append(times_real_time(hear, utterances))


def front_end(model: Path) -> Hear:
    """Return what computes the features of ``model``, a folder in a registry of ours."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = ERROR
    session = onnxruntime.InferenceSession((model / "model.onnx").read_bytes(), options)
    return lambda signal: session.run(["features"], {"waveform": signal})


def usual_front_end(model: Path) -> Hear:
    """Return what computes the features of ``model``, a folder of the usual function."""
    settings = json.loads((model / "settings.json").read_text())
    return lambda signal: extract(signal, settings)


def times_real_time(hear: Hear, utterances: tuple[Signal, ...]) -> float:
    start = time.perf_counter()
    for utterance in utterances:
        hear(utterance)
    return sum(map(len, utterances)) / SAMPLING_RATE / (time.perf_counter() - start)
