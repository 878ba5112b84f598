"""The checks of ``make faults``, in small."""

from __future__ import annotations

import pytest

from resilience.faulty import injection
from resilience.faulty.clocks import jump_clocks
from resilience.faulty.disk import fill_disks
from resilience.faulty.injection import SCENARIOS, Unreliable, inject_into_folders, report
from resilience.faulty.kills import kill_publishers
from resilience.faulty.network import cut_connections
from resilience.reports import Report, exit_status
from ser.errors import RemoteFailed
from ser.store import Store, open_store


def test_after_any_fault_of_a_store_everything_is_whole_or_absent() -> None:
    found = inject_into_folders()
    assert found.figures["faults injected"] > 400
    assert not found.problems


def test_a_change_without_a_guard_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def write_carelessly(store: Store, _prepared: object) -> None:
        store.create("20260101T000000Z-0123abcd/manifest.json", b'{"files": {}')

    careless = SCENARIOS[0]._replace(change=write_carelessly)
    monkeypatch.setattr(injection, "SCENARIOS", (careless,))
    stores = iter(range(10_000))
    found = report("x", injection.outcomes(lambda: open_store(f"stores/{next(stores)}")))
    assert found.problems


def test_a_fault_is_injected_at_one_call_or_at_all_later_ones() -> None:
    for stays, expected in ((False, [None, "error", None]), (True, [None, "error", "error"])):
        store = Unreliable(open_store(f"store-{stays}"), 1, "refused", stays=stays)
        outcomes: list[str | None] = []
        for _ in range(3):
            try:
                store.read("key")
                outcomes.append(None)
            except RemoteFailed:
                outcomes.append("error")
        assert outcomes == expected


def test_killed_publications_leave_complete_models_and_are_swept() -> None:
    found = kill_publishers(5)
    assert found.figures["complete models only"] == 5
    assert found.figures["leftovers after sweeps"] == 0
    assert not found.problems


def test_a_full_disk_is_refused_as_such_and_leaves_nothing() -> None:
    found = fill_disks(8)
    assert not found.problems
    assert found.figures["refused as such"] == found.figures["whole or none"] == 8
    assert found.figures["ids with leftovers"] == found.figures["unfinished files"] == 0


def test_cut_connections_leave_models_whole_or_absent() -> None:
    found = cut_connections(times=(3,))
    assert found.figures["cuts"] > 15
    # The client does not hide them all by another attempt.
    assert found.figures["hidden by another attempt"] < found.figures["cuts"]
    assert not found.problems


def test_clocks_that_jump_end_a_job_once() -> None:
    assert not jump_clocks(4).problems


def test_a_problem_is_an_exit_status() -> None:
    good, bad = Report("a", {"figure": 1.5}, ()), Report("b", {}, ("broken",))
    assert (exit_status([good]), exit_status([good, bad])) == (0, 1)
    assert "PROBLEM: broken" in str(bad)
    assert "1.5" in str(good)
