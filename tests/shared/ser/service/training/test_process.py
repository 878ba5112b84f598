"""A training in a separate process."""

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

from ser.errors import Busy, InvalidInput, TooLarge
from ser.registry import open_registry
from ser.service.interpreter import python_path
from ser.service.problems import ClientGone, TrainingLost
from ser.service.settings import Settings
from ser.service.training import process
from ser.service.training.process import TrainingProcesses
from ser.service.training.request import (
    TrainRequest,
    decode_train_request,
    read_train_request,
    recheck_access,
)

EXIT_TIMEOUT_SECONDS = 120


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


def read(body: dict[str, Any]) -> TrainRequest:
    return read_train_request(body, Settings.from_environment())


def child_of_this_process() -> int:
    """The process id of the training that is running."""
    children = Path(f"/proc/{os.getpid()}/task")
    found = [pid for task in children.iterdir() for pid in (task / "children").read_text().split()]
    return int(found[-1])


def test_progress_reaches_the_server_step_by_step(body: dict[str, Any]) -> None:
    received: list[tuple[str, float]] = []
    TrainingProcesses().train(
        read(body | {"evaluation": "full"}),
        limit=1,
        progress=lambda step, share: received.append((step, share)),
    )
    shares: dict[str, list[float]] = {}
    for step, share in received:
        shares.setdefault(step, []).append(share)
    assert list(shares) == [
        *("download", "extract", "load", "features", "fit", "evaluate"),
        *("leave speakers out", "degrade", "shorten"),
    ]
    for of_one_step in shares.values():
        assert of_one_step == sorted(of_one_step)
        assert (of_one_step[0] >= 0, of_one_step[-1]) == (True, 1.0)


def test_an_error_of_a_training_is_raised_again_with_its_faults(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        TrainingProcesses().train(read(body | {"dataset_load_split_at": 60_000}), limit=1)
    (fault,) = caught.value.faults
    assert fault.loc == ("dataset_load_split_at",)


def test_a_killed_training_raises_an_error_and_frees_its_slot(body: dict[str, Any]) -> None:
    trainings, request = TrainingProcesses(), read(body)

    def kill(step: str, _share: float) -> None:
        if step == "features":
            os.kill(child_of_this_process(), signal.SIGKILL)

    with pytest.raises(TrainingLost, match="signal 9"):
        trainings.train(request, limit=1, progress=kill)
    assert not list(open_registry("model").ids())
    assert trainings.train(request, limit=1)["model_id"]


def test_a_training_above_the_limit_is_refused(body: dict[str, Any]) -> None:
    trainings, request = TrainingProcesses(), read(body)
    refused = threading.Event()

    def start_another(_step: str, _share: float) -> None:
        try:
            trainings.train(request, limit=1)
        except Busy:
            refused.set()

    trainings.train(request, limit=1, progress=start_another)
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
    process.stdin.write(msgspec.json.encode(read(body | {"evaluation": "loso"})) + b"\n")
    process.stdin.flush()
    process.stdout.readline()
    # The kernel does the same with the pipe of a server that has died.
    process.stdin.close()
    assert process.wait(timeout=EXIT_TIMEOUT_SECONDS) == -signal.SIGTERM
    assert b'"answer"' not in process.stdout.read()
    process.stdout.close()


def test_a_training_ends_when_its_client_has_gone(body: dict[str, Any]) -> None:
    steps: list[str] = []
    with pytest.raises(ClientGone):
        TrainingProcesses().train(
            read(body),
            limit=1,
            progress=lambda step, _: steps.append(step),
            is_client_gone=lambda: "features" in steps,
        )
    assert "evaluate" not in steps
    assert not list(open_registry("model").ids())


def test_nothing_is_published_for_a_client_that_goes_in_the_last_moment(
    body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = threading.Event()
    follow = process.follow

    def follow_until_made(output: Any, progress: Any, heartbeat: Any, permit: Any) -> Any:

        def permit_to_a_client_that_has_gone() -> None:
            gone.set()
            permit()

        return follow(output, progress, heartbeat, permit_to_a_client_that_has_gone)

    monkeypatch.setattr(process, "follow", follow_until_made)
    with pytest.raises(ClientGone):
        TrainingProcesses().train(read(body), limit=1, is_client_gone=gone.is_set)
    assert not list(open_registry("model").ids())


def test_a_training_above_its_time_is_ended(body: dict[str, Any]) -> None:
    trainings = TrainingProcesses()
    with pytest.raises(TooLarge, match="SER_MAX_TRAIN_SECONDS"):
        trainings.train(read(body), limit=1, seconds=0.001)
    with trainings.slot(1):
        assert not list(open_registry("model").ids())


def test_a_training_that_hangs_is_killed(
    body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "END_SECONDS", 0.1)
    hanging: list[int] = []

    def hang(step: str, _share: float) -> None:
        if not hanging:
            hanging.append(child_of_this_process())
            os.kill(hanging[0], signal.SIGSTOP)

    with pytest.raises(ClientGone):
        TrainingProcesses().train(
            read(body), limit=1, progress=hang, is_client_gone=lambda: bool(hanging)
        )
    assert not running_in(hanging[0])


def running_in(group: int) -> list[str]:
    """The command lines of the processes in the process group ``group``."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            _, _, rest = stat.read_text().rpartition(")")
            state, _, process_group, *_ = rest.split()
            if int(process_group) == group and state != "Z":
                found.append((stat.parent / "cmdline").read_text())
    return found


def test_the_workers_of_a_killed_training_end_too(body: dict[str, Any]) -> None:
    groups = []

    def kill(step: str, _share: float) -> None:
        if step == "leave speakers out":
            groups.append(child_of_this_process())
            os.kill(groups[0], signal.SIGKILL)

    with pytest.raises(TrainingLost):
        TrainingProcesses().train(read(body | {"evaluation": "loso"}), limit=1, progress=kill)
    end = time.monotonic() + EXIT_TIMEOUT_SECONDS
    while left := running_in(groups[0]):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def test_a_failed_training_leaves_no_temporary_folder_behind(
    body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bounds / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(bounds / "temporary"))
    with pytest.raises(InvalidInput):
        TrainingProcesses().train(read(body | {"remote_url": "nowhere.zip"}), limit=1)
    assert list((bounds / "temporary").iterdir()) == []


def test_values_spelt_as_strings_reach_the_training_typed(body: dict[str, Any]) -> None:
    spelt = body | {
        "model_config": '{"n_estimators": "5", "max_depth": "3"}',
        "dataset_feature_extract_methods": '{"MFCC": {"num_cepstral": "3"}}',
        "dataset_augmentation": '{"Noise": {"copies": "1"}}',
        "dataset_load_normalize": "false",
        "dataset_load_split_at": "400",
        "random_state": "7",
        "corpus": '{"name": "emodb"}',
        "alias": "night",
    }
    answer = TrainingProcesses().train(read(spelt), limit=1)
    manifest = open_registry("model").model("night").manifest
    assert manifest["model_id"] == answer["model_id"]
    request = manifest["request"]
    assert request["model_config"] == {"n_estimators": 5, "max_depth": 3}
    assert request["dataset_load_normalize"] is False
    assert (request["dataset_load_split_at"], request["random_state"]) == (400, 7)
    assert request["dataset_feature_extract_methods"]["MFCC"]["num_cepstral"] == 3
    assert request["dataset_augmentation"]["Noise"]["copies"] == 1


def test_a_process_receives_exactly_the_request_that_the_server_has_read(
    body: dict[str, Any],
) -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"dataset_load_split_at": "1500", "dataset_augmentation": {"Noise": {"copies": 2}}},
        {"corpus": {"label": "folder", "speaker_pattern": "(s[0-9])/"}, "random_state": 7},
        {"corpus": {"table": "a.csv"}, "dataset_feature_extract_methods": {"Functionals": {}}},
    )
    for change in changes:
        request = read(body | change)
        received = decode_train_request(msgspec.json.encode(request))
        assert received == request
        assert type(received.corpus) is type(request.corpus)
        assert [*received.dataset_feature_extract_methods] == [
            *request.dataset_feature_extract_methods
        ]


@pytest.mark.parametrize(
    ("field", "value"),
    [("dataset_force", "true"), ("random_state", "7"), ("model_config", "{}"), ("alias", 1)],
)
def test_a_process_refuses_the_dialect_of_clients(
    body: dict[str, Any], field: str, value: object
) -> None:
    sent = msgspec.to_builtins(read(body)) | {field: value}
    with pytest.raises(msgspec.ValidationError, match=field):
        decode_train_request(msgspec.json.encode(sent))


def test_locations_are_checked_again_when_a_training_starts(
    body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = read(body)
    (bounds / "elsewhere").mkdir()
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(bounds / "elsewhere"))
    with pytest.raises(InvalidInput, match="SER_ALLOWED_PATHS") as caught:
        TrainingProcesses().train(request, limit=1)
    locations = {fault.loc for fault in caught.value.faults}
    assert locations == {("data_path",), ("remote_url",), ("model_save_path",)}


def test_a_folder_replaced_by_a_link_to_a_forbidden_one_is_refused(
    body: dict[str, Any], bounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    request, settings = read(body), Settings.from_environment()
    recheck_access(request, settings)
    (bounds / "data").symlink_to(tmp_path_factory.mktemp("forbidden"))
    with pytest.raises(InvalidInput) as caught:
        recheck_access(request, settings)
    assert [fault.loc for fault in caught.value.faults] == [("data_path",)]
