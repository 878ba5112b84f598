"""A training in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ser.errors import Busy, InvalidInput
from ser.registry import open_registry
from ser.service.problems import TrainingLost
from ser.service.training.process import TrainingProcesses, python_path


@pytest.fixture
def body(bounds: Path, corpus_zip: Path) -> dict[str, Any]:
    shutil.copy(corpus_zip, bounds / "corpus.zip")
    return {
        "data_path": "data",
        "remote_url": "corpus.zip",
        "model_save_path": "model",
        "model_type": "RandomForestClassifier",
        "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 3}},
    }


def child_of_this_process() -> int:
    """The process id of the training that runs."""
    children = Path(f"/proc/{os.getpid()}/task")
    found = [pid for task in children.iterdir() for pid in (task / "children").read_text().split()]
    return int(found[-1])


def test_progress_is_told_on_the_way(body: dict[str, Any]) -> None:
    told: list[tuple[str, float]] = []
    TrainingProcesses().run(
        body | {"evaluation": "full"},
        limit=1,
        progress=lambda step, share: told.append((step, share)),
    )
    shares: dict[str, list[float]] = {}
    for step, share in told:
        shares.setdefault(step, []).append(share)
    assert list(shares) == [
        *("download", "extract", "load", "features", "fit", "evaluate"),
        *("leave speakers out", "degrade"),
    ]
    for of_one_step in shares.values():
        assert of_one_step == sorted(of_one_step)
        assert (of_one_step[0] >= 0, of_one_step[-1]) == (True, 1.0)


def test_errors_come_back_as_they_were_raised(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        TrainingProcesses().run(body | {"dataset_load_split_at": 60_000}, limit=1)
    (fault,) = caught.value.faults
    assert fault.loc == ("dataset_load_split_at",)


def test_a_training_that_is_killed_is_told_and_frees_its_place(body: dict[str, Any]) -> None:
    trainings = TrainingProcesses()

    def kill(step: str, _share: float) -> None:
        if step == "features":
            os.kill(child_of_this_process(), signal.SIGKILL)

    with pytest.raises(TrainingLost, match="signal 9"):
        trainings.run(body, limit=1, progress=kill)
    assert not list(open_registry("model").models())
    assert trainings.run(body, limit=1)["model_id"]


def test_a_place_is_taken_by_one_training_only(body: dict[str, Any]) -> None:
    trainings = TrainingProcesses()
    refused = threading.Event()

    def ask_again(_step: str, _share: float) -> None:
        try:
            trainings.run(body, limit=1)
        except Busy:
            refused.set()

    trainings.run(body, limit=1, progress=ask_again)
    assert refused.is_set()


def test_a_training_ends_with_its_server(body: dict[str, Any]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ser.service.training"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": python_path()},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(body | {"evaluation": "loso"}) + b"\n")
    process.stdin.flush()
    process.stdout.readline()
    # What the kernel does with the pipe of a server that died.
    process.stdin.close()
    assert process.wait(timeout=60) == -signal.SIGTERM
    assert b'"answer"' not in process.stdout.read()
    process.stdout.close()


def others_at_work(group: int) -> list[str]:
    """What runs in the process group ``group``."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            _, _, rest = stat.read_text().rpartition(")")
            state, _, process_group, *_ = rest.split()
            if int(process_group) == group and state != "Z":
                found.append((stat.parent / "cmdline").read_text())
    return found


def test_nobody_works_on_for_a_training_that_was_killed(body: dict[str, Any]) -> None:
    groups = []

    def kill(step: str, _share: float) -> None:
        if step == "leave speakers out":
            groups.append(child_of_this_process())
            os.kill(groups[0], signal.SIGKILL)

    with pytest.raises(TrainingLost):
        TrainingProcesses().run(body | {"evaluation": "loso"}, limit=1, progress=kill)
    end = time.monotonic() + 30
    while left := others_at_work(groups[0]):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def test_a_training_that_fails_leaves_no_folder_behind(
    body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bounds / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(bounds / "temporary"))
    with pytest.raises(InvalidInput):
        TrainingProcesses().run(body | {"remote_url": "nowhere.zip"}, limit=1)
    assert list((bounds / "temporary").iterdir()) == []
