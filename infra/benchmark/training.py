"""Whole trainings, and predict during one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmark.contest import Contest
from benchmark.prediction import CLIP_SECONDS
from benchmark.rows import Rows
from benchmark.servers import serving
from benchmark.workplace import Workplace, encoded_request
from ser.training import PRESETS
from stack import ROOT

TRAIN = ROOT / "functions" / "train" / "main.py"
RECIPE = PRESETS["light"]["model_type"]
TRAININGS = {"KerasClassifier": "KerasClassifier", "our recipe": RECIPE}
"""The ``model_type`` of each measured training; all other fields have their defaults."""

Stages = dict[str, dict[str, float]]
"""Seconds of each stage of a training, by the name of its row."""


def measure_trainings(rows: Rows, place: Workplace) -> tuple[Path, Stages]:
    """Measure each training twice, first without and then with extracted features.

    Returns
    -------
    tuple
        The folder of our recipe's model, and the stages of all trainings.
    """
    stages: Stages = {}
    models: dict[str, Path] = {}
    for name, model_type in TRAININGS.items():
        request = encoded_request(place.training(model_type, data=model_type))
        with serving(TRAIN, "train", place.settings) as server:
            server.wait()
            for turn in ("first", "second"):
                start = time.perf_counter()
                answer = server.post(request)
                seconds = time.perf_counter() - start
                row = rows[f"training {name}, {turn} time"]
                row.ours.append(seconds)
                inside = answer["seconds"]
                stages[row.name] = {"start": seconds - sum(inside.values()), **inside}
        models[model_type] = place.registry / answer["model_id"]
    return models[RECIPE], stages


def measure_beside_training(contest: Contest) -> None:
    """Measure answers of our function on an idle machine, and during a training of our recipe."""
    ours, *_ = contest.contestants
    place, effort = contest.place, contest.effort
    request = ours.encoded_request(contest.sound(CLIP_SECONDS), str(place.registries))
    training = encoded_request(place.training(RECIPE, data="beside"))
    with (
        ours.serving(place.settings) as predict,
        serving(TRAIN, "train", place.settings) as train,
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
    contest.rows["3 s clip, p95 during a training"].ours.append(p95)
    contest.rows["the same, beside that of idle"].ours.append(p95 / idle_p95)
