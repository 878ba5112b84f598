"""Parallel work on this machine or on a Dask cluster."""

# mypy: disable-error-code="no-untyped-call"
# distributed has types for a part of its functions only.

from __future__ import annotations

import platform
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, overload

import pytest

import clusters
import ser
from clusters import Cluster, cluster
from ser._progress import ignore_share
from ser.errors import InvalidInput, RemoteFailed
from ser.parallel import THIS_MACHINE, UnusableCluster, Workers
from ser.parallel import _cluster as on_cluster
from ser.service.settings import Settings, SettingsError


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


@pytest.fixture
def short_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time-out of clusters."""
    monkeypatch.setattr(on_cluster, "PATIENCE", 4.0)


def test_results_are_in_the_order_of_the_items(
    two_workers: Cluster,
) -> None:
    kinds: tuple[Literal["threads", "processes"], ...] = ("threads", "processes")
    here = [THIS_MACHINE.map(abs, range(-50, 0), by=by, on_progress=ignore_share) for by in kinds]
    workers = Workers(two_workers.address)
    there = [workers.map(abs, range(-50, 0), by=by, on_progress=ignore_share) for by in kinds]
    assert here == there == [list(range(50, 0, -1))] * 2


def test_a_cluster_reports_its_progress(two_workers: Cluster) -> None:
    shares: list[float] = []
    workers = Workers(two_workers.address)
    workers.map(clusters.doubled, range(40), by="threads", on_progress=shares.append)
    assert shares == [done / 40 for done in range(1, 41)]


class ItemsMadeWhenUsed(Sequence[int]):
    """``length`` numbers from 0, of which ``made`` have been used."""

    def __init__(self, length: int) -> None:
        self.length, self.made = length, 0

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

    def __getitem__(self, index: int | slice) -> int | list[int]:
        found = range(self.length)[index]
        self.made += len(found) if isinstance(found, range) else 1
        return [*found] if isinstance(found, range) else found


@pytest.mark.parametrize("where", ["here", "there"])
def test_a_slow_caller_holds_back_the_work(two_workers: Cluster, where: str) -> None:
    workers = THIS_MACHINE if where == "here" else Workers(two_workers.address)
    items = ItemsMadeWhenUsed(2000)
    found = workers.stream(clusters.doubled, items, by="threads")
    assert next(found) == 0
    time.sleep(0.2)
    assert items.made < 1000
    found.close()
    assert items.made < 1000
    with pytest.raises(StopIteration):
        next(found)


def test_results_wait_for_a_slow_first_item(two_workers: Cluster) -> None:
    for workers in (THIS_MACHINE, Workers(two_workers.address)):
        found = workers.map(clusters.slow_first, range(200), by="threads")
        assert found == list(range(200))


def test_an_error_on_this_machine_is_raised_in_the_caller() -> None:
    with pytest.raises(InvalidInput):
        THIS_MACHINE.map(clusters.refusing, range(5), by="threads")


def test_work_is_sent_once_to_each_worker_and_all_workers_take_part(
    two_workers: Cluster, bounds: Path
) -> None:
    workers = Workers(two_workers.address)
    found = workers.map(
        clusters.ArrivalRecorder(bounds), range(60), by="threads", on_progress=ignore_share
    )
    at_work = {worker for _, worker in found}
    assert at_work == {worker.pid for worker in two_workers.workers}
    arrivals = [file.name.partition(".")[0] for file in bounds.iterdir()]
    assert sorted(arrivals) == sorted(map(str, at_work))


def test_an_error_of_the_work_is_raised_in_the_caller(two_workers: Cluster) -> None:
    workers = Workers(two_workers.address)
    with pytest.raises(InvalidInput) as caught:
        workers.map(clusters.refusing, [7], by="threads", on_progress=ignore_share)
    assert [*caught.value.faults] == [(("model_config", "lr"), "7 is too many")]


def test_closing_early_cancels_the_tasks_on_the_cluster(
    two_workers: Cluster,
) -> None:
    class StopError(Exception):
        """Raised by the progress callback."""

    def stop(_share: float) -> None:
        raise StopError

    workers = Workers(two_workers.address)
    with pytest.raises(StopError):
        workers.map(clusters.slow, range(100), by="threads", on_progress=stop)
    with two_workers.client() as client:
        remaining = client.run_on_scheduler(clusters.count_tasks)
    assert remaining == 0


@pytest.mark.parametrize(
    ("module", "attribute", "value"),
    [(ser, "__version__", "9.9.9"), (platform, "python_version", lambda: "9.9.9")],
)
def test_workers_of_another_version_are_refused_and_both_versions_are_named(
    two_workers: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    module: object,
    attribute: str,
    value: object,
) -> None:
    theirs = ser.__version__ if module is ser else platform.python_version()
    monkeypatch.setattr(module, attribute, value)
    workers = Workers(two_workers.address)
    with pytest.raises(UnusableCluster, match=f"{two_workers.address}.* {theirs}; .* 9.9.9"):
        workers.map(clusters.doubled, [1], by="threads", on_progress=ignore_share)


def test_tasks_of_a_dead_worker_are_done_by_another_one(bounds: Path) -> None:
    with cluster() as made:
        workers = Workers(made.address)
        work = partial(clusters.dying_once, bounds / "died")
        assert workers.map(work, range(30), by="threads", on_progress=ignore_share) == list(
            range(30)
        )
        assert sum(worker.poll() is not None for worker in made.workers) == 1


@pytest.mark.usefixtures("short_timeout")
def test_a_cluster_without_workers_is_an_error() -> None:
    with cluster(workers=0) as made:
        workers = Workers(made.address)
        with pytest.raises(RemoteFailed, match=f"{made.address} failed: no worker in 4 s"):
            workers.map(clusters.doubled, [1], by="threads", on_progress=ignore_share)


def test_a_cluster_whose_workers_all_die_is_an_error() -> None:
    with cluster(workers=1) as made:
        workers = Workers(made.address)
        with pytest.raises(RemoteFailed, match=f"{made.address} lost its running tasks"):
            workers.map(clusters.dying, [1], by="threads", on_progress=ignore_share)


def test_work_that_kills_workers_is_not_retried_for_ever() -> None:
    with cluster(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as made:
        workers = Workers(made.address)
        with pytest.raises(RemoteFailed, match=f"{made.address} lost several workers"):
            workers.map(clusters.dying, [1], by="threads", on_progress=ignore_share)


@pytest.mark.usefixtures("short_timeout")
def test_a_scheduler_that_stops_is_an_error() -> None:
    with cluster() as made:
        workers = Workers(made.address)
        with pytest.raises(RemoteFailed, match=f"{made.address} (failed|lost)"):
            workers.map(
                clusters.slow,
                range(20),
                by="threads",
                on_progress=lambda _share: made.scheduler.kill(),
            )


def test_a_worker_with_two_threads_is_refused() -> None:
    with cluster(workers=1, threads=2) as made:
        workers = Workers(made.address)
        with pytest.raises(UnusableCluster, match=r"has threads 2; allowed: threads 1"):
            workers.map(clusters.doubled, [1], by="threads", on_progress=ignore_share)


@pytest.mark.usefixtures("short_timeout")
def test_a_server_that_does_not_answer_is_an_error() -> None:
    # First a server that accepts and stays silent, then a closed port.
    with socket.create_server((clusters.HOST, 0)) as free:
        silent_one = f"tcp://{clusters.HOST}:{free.getsockname()[1]}"
        workers = Workers(silent_one)
        with pytest.raises(RemoteFailed, match=f"{silent_one} failed"):
            workers.map(clusters.doubled, [1], by="threads", on_progress=ignore_share)
    with pytest.raises(RemoteFailed, match=f"{silent_one} failed"):
        workers.map(clusters.doubled, [1], by="threads", on_progress=ignore_share)


def test_encryption_without_certificates_is_refused() -> None:
    workers = Workers("tls://127.0.0.1:8786")
    with pytest.raises(UnusableCluster, match=r"'tls://127.0.0.1:8786'.* no certificates"):
        workers.map(clusters.doubled, [1], by="threads", on_progress=ignore_share)


def test_a_cluster_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers("tcp://cluster:8786")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UnusableCluster, match=r"'tcp://cluster:8786'.* allowed: ser\[cluster\]"):
        workers.map(clusters.doubled, [1], by="threads", on_progress=ignore_share)


@pytest.mark.parametrize(
    "address",
    [
        *("cluster:8786", "tcp://cluster", "tcp://cluster:0", "tcp://cluster:65536", "tcp://:8786"),
        *("http://cluster:8786", "tcp://cluster:8786/", "tcp://me@cluster:8786", "tcp://[::1:8786"),
        *("tcp://cluster:port", "tcp://cluster:8786\n"),
    ],
)
def test_an_invalid_address_of_a_scheduler_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"SER_DASK_SCHEDULER is .*; allowed: tcp://host:port"):
        Settings.from_environment({"SER_DASK_SCHEDULER": address})


@pytest.mark.parametrize(
    "address", ["tcp://cluster:8786", "tls://10.0.0.1:8786", "tcp://[::1]:8786", ""]
)
def test_a_valid_address_of_a_scheduler_or_none_is_accepted(address: str) -> None:
    settings = Settings.from_environment({"SER_DASK_SCHEDULER": address})
    assert settings.dask_scheduler == (address or None)
