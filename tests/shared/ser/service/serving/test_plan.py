"""Workers, threads and time-outs for the cores and the memory of a container."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ser.service.serving.capacity import cores, memory
from ser.service.serving.plan import Plan, ServingError, require_callers, serving_plan

MIB = 2**20


def plan(
    environment: dict[str, str] | None = None,
    *,
    target: str = "predict",
    cores: int = 2,
    mib: float = 4096,
) -> Plan:
    return serving_plan(target, environment or {}, lambda: cores, lambda: mib * MIB)


@pytest.mark.parametrize(
    ("cores", "mib", "workers", "threads"),
    [
        (1, 1769, 1, 4),  # predict on Lambda
        (2, 1280, 2, 4),  # predict on Knative
        (2, 1024, 2, 4),  # predict in Compose and on Cloud Run
        (2, 512, 1, 8),
        (8, 256, 1, 32),
        (1, 64, 1, 4),
        (16, 32768, 16, 4),
        (16, 3000, 10, 6),
        (4, float("inf"), 4, 4),
    ],
)
def test_there_is_a_worker_for_each_core_as_far_as_half_of_the_memory_allows(
    cores: int, mib: float, workers: int, threads: int
) -> None:
    found = plan(cores=cores, mib=mib)
    assert (found.workers, found.threads) == (workers, threads)


def test_train_has_one_worker() -> None:
    assert plan(target="train", cores=8)[:2] == (1, 32)


def test_variables_take_precedence() -> None:
    given = {"WORKERS": "3", "THREADS": "2", "KEEP_ALIVE": "5", "GUNICORN_LOG_LEVEL": "debug"}
    assert plan({**given, "CLOUD_RUN_TIMEOUT_SECONDS": "60"})[:5] == (3, 2, 5, 60, "debug")
    assert plan({"WORKERS": "3"}, target="train").workers == 3
    empty = dict.fromkeys(given, "")
    assert plan(empty) == plan()
    assert plan()[:5] == (2, 4, 620, 0, "error")


@pytest.mark.parametrize("name", ["WORKERS", "THREADS", "KEEP_ALIVE"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many"])
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ServingError, match=f"^{name} is '{value}'; allowed: a whole number of 1"):
        plan({name: value})


def machine(root: Path, groups: str, files: dict[str, str]) -> Path:
    """Return a root folder with these control groups."""
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.fixture
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(4)), raising=False)


@pytest.mark.usefixtures("four_cores")
@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "max 100000\n"}, 4),
        ("0::/\n", {"sys/fs/cgroup/cpu.max": "900000 100000\n"}, 4),
        # The limit of a group is that of all groups below.
        (
            "0::/pods/one/main\n",
            {
                "sys/fs/cgroup/pods/one/main/cpu.max": "max 100000\n",
                "sys/fs/cgroup/pods/cpu.max": "300000 100000\n",
            },
            3,
        ),
        # The path is that of the host, and the mounted hierarchy that of the container.
        ("0::/docker/4f\n", {"sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1),
        (
            "4:memory:/a\n3:cpu,cpuacct:/b\n0::/\n",
            {
                "sys/fs/cgroup/cpu/b/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/b/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        ("", {}, 4),
    ],
)
def test_cores_are_those_that_the_control_groups_allow(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int
) -> None:
    assert cores(machine(tmp_path, groups, files)) == expected


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"sys/fs/cgroup/memory.max": "1048576\n"}, MIB),
        (
            "0::/pods/one\n",
            {
                "sys/fs/cgroup/pods/one/memory.max": "max\n",
                "sys/fs/cgroup/pods/memory.max": "2097152\n",
            },
            2 * MIB,
        ),
        (
            "4:memory:/a\n",
            {
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "3145728\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            3 * MIB,
        ),
    ],
)
def test_memory_is_what_the_control_groups_allow(
    tmp_path: Path, groups: str, files: dict[str, str], expected: int
) -> None:
    assert memory(machine(tmp_path, groups, files)) == expected


def test_without_control_groups_the_memory_is_that_of_the_machine(tmp_path: Path) -> None:
    assert 2**28 < memory(tmp_path) < 2**50


def test_this_machine_has_cores_and_memory() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)
    assert memory() > 2**26


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "", "192.168.0.7", "functions.example"])
def test_a_server_for_other_machines_starts_only_if_its_callers_are_decided(host: str) -> None:
    blank = ({"SER_API_KEYS": ""}, {"SER_API_KEYS": " \n"}, {"SER_OPEN": ""})
    for undecided in ({}, *blank, {"SER_OPEN": "0"}, {"SER_OPEN": "false"}):
        with pytest.raises(ServingError, match="neither SER_API_KEYS nor SER_OPEN is set"):
            require_callers(host, undecided)
    require_callers(host, {"SER_API_KEYS": "/etc/ser/keys"})
    require_callers(host, {"SER_OPEN": "1"})
    with pytest.raises(ServingError, match="SER_OPEN is 'yes please'"):
        require_callers(host, {"SER_OPEN": "yes please"})


def test_the_main_process_imports_nothing_that_workers_may_import_beside_each_other() -> None:
    code = "import sys, ser.service.serving.__main__; print('ser.service.settings' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_a_server_for_this_machine_needs_no_decision(host: str) -> None:
    require_callers(host, {})
