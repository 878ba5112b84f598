"""Trainings that use a Dask cluster on this machine."""

# mypy: disable-error-code="no-untyped-call"
# distributed is typed only in part.

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import clusters
from clusters import Cluster, cluster
from ser.service.interpreter import python_path
from ser.service.settings import Settings
from ser.service.training.process import TrainingProcesses
from ser.service.training.request import TrainRequest, read_train_request

SECONDS = 300
FIGURES = ("metrics", "loso", "degraded", "enrolment", "notes")


@pytest.fixture
def body(bounds: Path, corpus_zip: Path) -> dict[str, Any]:
    shutil.copy(corpus_zip, bounds / "corpus.zip")
    return {
        "data_path": "data",
        "remote_url": "corpus.zip",
        "model_save_path": "model",
        "model_type": "RandomForestClassifier",
        "model_config": {"n_estimators": 10},
        "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 3}},
        "dataset_augmentation": {"Noise": {"copies": 1}},
        "evaluation": "full",
    }


def read(body: dict[str, Any]) -> TrainRequest:
    return read_train_request(body, Settings.from_environment())


def test_the_figures_equal_those_of_one_machine_even_if_a_worker_dies(
    body: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    alone = TrainingProcesses().train(read(body), limit=1)
    capfd.readouterr()
    with cluster() as made, made.client() as client:
        monkeypatch.setenv("SER_DASK_SCHEDULER", made.address)
        client.get_task_stream()
        both = TrainingProcesses().train(read(body | {"data_path": "for both"}), limit=1)
        at_work = {task["worker"] for task in client.get_task_stream()}
        assert at_work == set(client.nthreads())
        shares: dict[str, list[float]] = {}

        def kill(step: str, share: float) -> None:
            shares.setdefault(step, []).append(share)
            if step == "leave speakers out" and share < 1:
                made.workers[0].kill()

        one = TrainingProcesses().train(
            read(body | {"data_path": "for one"}), limit=1, progress=kill
        )
        assert len(client.scheduler_info()["workers"]) == 1
        assert client.run_on_scheduler(clusters.count_tasks) == 0
    assert [{figure: each[figure] for figure in FIGURES} for each in (both, one)] == [
        {figure: alone[figure] for figure in FIGURES}
    ] * 2
    assert shares["leave speakers out"] == [0.25, 0.5, 0.75, 1.0]
    assert len(shares["features"]) > 10
    output = capfd.readouterr().err.splitlines()
    assert [line for line in output if not line.startswith("train: ")] == []


def start(body: dict[str, Any], made: Cluster) -> subprocess.Popen[bytes]:
    """Return the process of a training that is using the cluster."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ser.service.training"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path(), "SER_DASK_SCHEDULER": made.address},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(read(body)) + b"\n")
    process.stdin.flush()
    while "leave speakers out" not in (line := process.stdout.readline().decode()):
        assert line
    return process


def test_the_tasks_of_a_training_end_with_it(body: dict[str, Any]) -> None:
    with cluster() as made, made.client() as client:
        process = start(body | {"model_config": {"n_estimators": 500}}, made)
        assert process.stdin is not None
        assert process.stdout is not None
        assert client.run_on_scheduler(clusters.count_tasks) > 0
        # As a server does whose job is cancelled.
        process.stdin.close()
        assert process.wait(timeout=SECONDS) == -signal.SIGTERM
        process.stdout.close()
        end = time.monotonic() + 60
        while client.run_on_scheduler(clusters.count_tasks):
            assert time.monotonic() < end
            time.sleep(0.1)
