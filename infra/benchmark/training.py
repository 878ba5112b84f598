"""The section ``training``: whole trainings over HTTP, and predict during one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmark.bench import CLIP_SECONDS, Bench
from benchmark.contest import Contest
from benchmark.rows import Row, Rows, Target
from benchmark.servers import our_function, serving
from benchmark.workplace import RECIPE, Workplace, encoded_request

TRAININGS = {"KerasClassifier": "KerasClassifier", "our recipe": RECIPE}
"""The ``model_type`` of each measured training; all other fields have their defaults."""
TURNS = ("first", "second")
BUSY = "3 s clip, p95 during a training"
BESIDE_IDLE = "the same, beside that of idle"

Stages = dict[str, dict[str, float]]
"""Seconds of each stage of a training, by the name of its row."""


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    yield Row("training KerasClassifier, first time", "s")
    yield Row("training KerasClassifier, second time", "s", (Target(20),))
    yield Row("training our recipe, first time", "s")
    yield Row("training our recipe, second time", "s")
    yield Row(BUSY, "ms")
    yield Row(BESIDE_IDLE, "×", (Target(4),))


def measure(bench: Bench) -> None:
    """Measure the section."""
    bench.stages |= measure_trainings(bench.rows, bench.place)
    measure_beside_training(bench.contest(bench.ours))


def measure_trainings(rows: Rows, place: Workplace) -> Stages:
    """Measure each training twice, first without and then with extracted features."""
    stages: Stages = {}
    for name, model_type in TRAININGS.items():
        request = encoded_request(place.training(model_type, data=f"measured {model_type}"))
        with serving(our_function("train"), place.settings) as server:
            server.wait()
            for turn in TURNS:
                start = time.perf_counter()
                answer = server.post(request)
                seconds = time.perf_counter() - start
                row = rows[f"training {name}, {turn} time"]
                row.note(seconds)
                inside = answer["seconds"]
                stages[row.name] = {"start": seconds - sum(inside.values()), **inside}
    return stages


def measure_beside_training(contest: Contest) -> None:
    """Measure answers of our function on an idle machine, and during a training of our recipe."""
    ours, *_ = contest.contestants
    place, effort = contest.place, contest.effort
    request = ours.encoded_request(contest.sound(CLIP_SECONDS), str(place.registries))
    training = encoded_request(place.training(RECIPE, data="beside"))
    with (
        ours.serving(place.settings) as predict,
        serving(our_function("train"), place.settings) as train,
        ThreadPoolExecutor() as threads,
    ):
        predict.first_answer(request)
        train.wait()
        idle = [predict.milliseconds(request) for _ in range(effort.runs * effort.requests)]
        running = threads.submit(train.post, training)
        busy = []
        while not running.done():
            busy.append(predict.milliseconds(request))
        running.result()
    p95, idle_p95 = (float(np.percentile(taken, 95)) for taken in (busy, idle))
    contest.rows[BUSY].note(p95)
    contest.rows[BESIDE_IDLE].note(p95 / idle_p95)
