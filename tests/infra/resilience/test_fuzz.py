"""Mutated inputs: a seeded part of ``make fuzz``, and the defects that it finds."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from random import Random

import pytest

import broken_parsers
import graphs
from resilience.fuzz import fuzz
from resilience.fuzzing import watchdog
from resilience.fuzzing.guards import processes
from resilience.fuzzing.mutations import mutate_bytes, mutate_json, mutate_protobuf
from resilience.fuzzing.parser import Case, Parser, plan
from resilience.fuzzing.parsers import PARSERS, all_parsers
from resilience.fuzzing.watchdog import outcomes

NAMES = [parser.name for parser in PARSERS]
FOUND = [Case("Parquet tables", 735)]
"""Cases beyond the first 2,000 that failed once."""


def test_two_thousand_mutated_inputs_cause_no_internal_error() -> None:
    tally = fuzz(all_parsers, NAMES, 2_000, processes=1)
    assert tally.read.total() == 2_000
    assert {*tally.read} == {*NAMES}
    assert not tally.kinds, tally.table()
    # A parser that accepts nothing is not read beyond its first check; the last step of both of
    # these always refuses.
    refused = {name for name in NAMES if not tally.accepted[name]}
    assert refused <= {"JSON of /train", "addresses"}


@pytest.mark.parametrize("case", FOUND, ids=lambda case: f"{case.parser} {case.number}")
def test_a_case_that_was_a_defect_once_is_read_or_refused(case: Case) -> None:
    ((_, outcome),) = outcomes(all_parsers, [case], processes=1)
    assert outcome.failure is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("fail", "ValueError in broken_parsers.py:fail"),
        ("write_elsewhere", "OutsideWrite in guards.py:end"),
        ("take_memory", "TooMuchMemory in guards.py:check_growth"),
        ("take_memory_elsewhere", "TooMuchMemory in guards.py:check_growth"),
        ("hang", "hang"),
        ("crash", "crash"),
    ],
)
def test_a_defect_of_a_parser_is_a_failure(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "hang":
        monkeypatch.setattr(watchdog, "SECONDS", 2.0)
    tally = fuzz(broken_parsers.parsers, [name], 3, processes=1)
    assert tally.read == {name: 3}
    assert (name, kind) in tally.kinds
    assert tally.failures[0].payload == b"data" or name == "fail"


def test_a_crash_is_reported_with_its_signal_and_its_stack() -> None:
    (failure,) = fuzz(broken_parsers.parsers, ["crash"], 1, processes=1).failures
    assert failure.detail.startswith(f"exit status {-signal.SIGSEGV}\nFatal Python error")
    assert "in crash" in failure.detail


def test_processes_are_found_while_threads_end() -> None:
    over = threading.Event()

    def start_threads() -> None:
        while not over.is_set():
            threading.Thread(target=int).start()

    starter = threading.Thread(target=start_threads)
    starter.start()
    try:
        assert all(Path("/proc/self") in processes() for _ in range(1_000))
    finally:
        over.set()
        starter.join()


def test_refusals_and_refused_connections_are_no_failures() -> None:
    tally = fuzz(broken_parsers.parsers, ["refuse", "connect"], 8, processes=2)
    assert not tally.failures
    assert not tally.accepted.total()


@pytest.mark.parametrize(
    ("mutate", "payload"),
    [
        (mutate_bytes, b"RIFF" + bytes(100)),
        (mutate_json, json.dumps({"a": [1, {"b": "c"}], "d": None}).encode()),
        (mutate_protobuf, graphs.model()),
    ],
    ids=["bytes", "json", "protobuf"],
)
def test_a_case_is_the_same_every_time_and_unlike_others(mutate: object, payload: bytes) -> None:
    def payloads() -> list[bytes]:
        cases = [Case("x", number) for number in range(1, 40)]
        return [case.payload([payload], mutate) for case in cases]  # type: ignore[arg-type]

    assert payloads() == payloads()
    assert len({*payloads()}) > 30


def test_each_parser_has_its_share_of_the_cases() -> None:
    parsers = [Parser("one", None, share=1), Parser("three", None, share=3)]  # type: ignore[arg-type]
    cases = plan(parsers, 40)
    assert [case.number for case in cases if case.parser == "one"] == [*range(10)]
    assert [case.number for case in cases if case.parser == "three"] == [*range(30)]


def test_mutations_do_not_grow_without_bounds() -> None:
    random = Random(0)
    data = bytes(1_000_000)
    for _ in range(50):
        data = mutate_bytes(random, data, data)
    assert len(data) <= 2_000_000


def test_the_report_names_the_kind_and_one_case(tmp_path: Path) -> None:
    table = fuzz(broken_parsers.parsers, ["fail"], 4, processes=1).table()
    assert "fail: ValueError in broken_parsers.py:fail" in table
    assert "such as case" in table
