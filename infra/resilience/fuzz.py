"""Read mutated inputs with every parser, and train with random fields: ``make fuzz``.

``CASES`` is the number of inputs, ``PARSERS`` the parsers between commas (default: all), ``CASE``
the number of one case to read again in this process. Failing inputs are kept in ``build/fuzz``.
``TRAININGS`` is the number of trainings (:mod:`resilience.trainings`; with ``PARSERS`` none).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from resilience import choices
from resilience.fuzzing.parser import Case, Parser, plan
from resilience.fuzzing.parsers import PARSERS, all_parsers
from resilience.fuzzing.watchdog import outcomes
from resilience.fuzzing.worker import Failure, Load, Reader
from resilience.reports import exit_status
from resilience.trainings import train_all
from stack import ROOT

CASES, TRAININGS = 100_000, 1_000
KEPT = ROOT / "build" / "fuzz"
"""Folder of the inputs that fail."""
MAX_KEPT = 3
"""Largest number of inputs that are kept for failures of one kind."""


class Tally(NamedTuple):
    """The cases of all parsers, and the failures."""

    read: Counter[str]
    accepted: Counter[str]
    failures: list[Failure]

    @property
    def kinds(self) -> dict[tuple[str, str], list[Failure]]:
        """The failures by parser and kind."""
        found: dict[tuple[str, str], list[Failure]] = {}
        for failure in self.failures:
            found.setdefault((failure.case.parser, failure.kind), []).append(failure)
        return found

    def table(self) -> str:
        """Return a line for each parser, and then for each kind of failure."""
        failed = Counter(failure.case.parser for failure in self.failures)
        width = max(map(len, self.read), default=0)
        lines = [f"{'parser':<{width}}  {'cases':>8}  {'accepted':>8}  {'failures':>8}"]
        lines += [
            f"{name:<{width}}  {count:>8,}  {self.accepted[name]:>8,}  {failed[name]:>8,}"
            for name, count in self.read.items()
        ]
        total, accepted = self.read.total(), self.accepted.total()
        lines += [f"{'all':<{width}}  {total:>8,}  {accepted:>8,}  {len(self.failures):>8,}"]
        for (name, kind), found in self.kinds.items():
            lines.append(f"{name}: {kind}: {len(found)} times, such as case {found[0].case.number}")
            lines.append(f"    {found[0].detail}")
        return "\n".join(lines)


def fuzz(load: Load, names: Sequence[str], cases: int, processes: int) -> Tally:
    """Read mutated inputs with the parsers called ``names`` among those that ``load`` returns.

    ``cases`` is the number of inputs, and ``processes`` that of the processes.
    """
    parsers = [parser for parser in load() if parser.name in names]
    tally = Tally(Counter(), Counter(), [])
    for case, outcome in outcomes(load, plan(parsers, cases), processes):
        tally.read[case.parser] += 1
        tally.accepted[case.parser] += outcome.accepted
        if outcome.failure:
            tally.failures.append(outcome.failure)
    return tally


def keep(tally: Tally) -> None:
    """Write failing inputs of each kind to :data:`KEPT`."""
    for found in tally.kinds.values():
        for failure in found[:MAX_KEPT]:
            KEPT.mkdir(parents=True, exist_ok=True)
            name = failure.case.parser.replace(" ", "-").replace("/", "")
            (KEPT / f"{name}-{failure.case.number}").write_bytes(failure.payload)


def read_again(parser: Parser, number: int) -> int:
    """Read one case in this process, show its error, and return the exit status."""
    case = Case(parser.name, number)
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader([parser], Path(folder).resolve())
        sys.addaudithook(reader.watch)
        payload = reader.payload(case)
        print(f"{len(payload):,} bytes: {payload[:300]!r}")
        accepted, failure = reader.read(case, payload)
        os.chdir("/")
    print(failure or ("accepted" if accepted else "refused"))
    if failure and failure.error:
        traceback.print_exception(failure.error)
    return int(failure is not None)


def main() -> int:
    """Run the fuzzing; return the exit status."""
    by_name = {parser.name: parser for parser in PARSERS}
    names = choices.names("PARSERS", by_name)
    if number := os.environ.get("CASE"):
        return read_again(by_name[names[0]], int(number))
    count = choices.whole("TRAININGS", 0 if os.environ.get("PARSERS") else TRAININGS)
    began, processes = time.monotonic(), os.cpu_count() or 1
    tally = fuzz(all_parsers, names, choices.whole("CASES", CASES), processes)
    print(tally.table())
    print(f"{time.monotonic() - began:.0f} s", flush=True)
    keep(tally)
    reports = [train_all(count, processes)] if count else []
    print(*reports, sep="\n")
    return int(bool(tally.failures)) or exit_status(reports)
