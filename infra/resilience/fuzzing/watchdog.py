"""Reads cases in several processes, and ends one whose case takes too long."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from resilience.fuzzing.parser import Case
from resilience.fuzzing.worker import PRESENT, STACKS, Failure, Load, Outcome, work

SECONDS = 30.0
"""Longest time of a case; a busy machine may need several times the usual milliseconds."""
POLL_SECONDS = 0.5
END_SECONDS = 10.0
"""Time in which a process ends after its last case."""


class Process:
    """A process that reads a part of the cases, and is replaced when one of them ends it."""

    def __init__(self, load: Load, cases: Sequence[Case], first: int, step: int) -> None:
        self._load, self._cases, self._step = load, cases, step
        self._home = TemporaryDirectory()
        self._context = multiprocessing.get_context("spawn")
        self._state: Any = self._context.Array("d", 2, lock=False)
        self._start(first)

    def _start(self, first: int) -> None:
        self._state[0], self._state[1] = first, 0
        self.results, sending = self._context.Pipe(duplex=False)
        arguments = (
            self._load,
            self._cases,
            first,
            self._step,
            self._home.name,
            self._state,
            sending,
        )
        self._process = self._context.Process(target=work, args=arguments, daemon=True)
        self._process.start()
        sending.close()

    @property
    def is_late(self) -> bool:
        """Whether the present case takes longer than :data:`SECONDS`."""
        began: float = self._state[1]
        return bool(began) and time.monotonic() - began > SECONDS

    def replace(self, reason: str) -> Failure | None:
        """End the process, start one for the cases after the present one, and return that case as
        a failure; ``None`` if the process had read all its cases."""
        if self.results.closed:
            self._process.join(END_SECONDS)
        self._process.kill()
        self._process.join()
        index = int(self._state[0])
        status = self._process.exitcode
        if status == 0 or index >= len(self._cases):
            return None
        if not self._state[1]:
            reason = "ended between cases, while a parser was opened"
        case = self._cases[index]
        payload, stacks = Path(self._home.name, PRESENT), Path(self._home.name, STACKS)
        # A negative status is the number of a signal.
        detail = f"exit status {status}\n{stacks.read_text() if stacks.exists() else ''}".strip()
        failure = Failure(case, reason, detail, payload.read_bytes() if payload.exists() else b"")
        self._start(index + self._step)
        return failure

    def end(self) -> None:
        """End the process, and remove its files."""
        self._process.kill()
        self._process.join()
        self._home.cleanup()


def outcomes(load: Load, cases: Sequence[Case], processes: int) -> Iterator[tuple[Case, Outcome]]:
    """Yield the outcome of each of ``cases`` once it is read, in any order.

    ``load`` is a function of a module, because each process calls it.
    """
    with started(load, cases, processes) as running:
        while running:
            wait([each.results for each in running], POLL_SECONDS)
            for each in [*running]:
                yield from received(cases, each.results)
                if each.results.closed or each.is_late:
                    reason = "hang" if each.is_late else "crash"
                    failure = each.replace(reason)
                    if failure is None:
                        running.remove(each)
                    else:
                        yield failure.case, Outcome(-1, False, failure)


@contextmanager
def started(load: Load, cases: Sequence[Case], processes: int) -> Iterator[list[Process]]:
    """Yield processes that read the cases; end them afterwards."""
    running = [Process(load, cases, first, processes) for first in range(processes)]
    try:
        yield [*running]
    finally:
        for each in running:
            each.end()


def received(cases: Sequence[Case], results: Connection) -> Iterator[tuple[Case, Outcome]]:
    """Yield the outcomes that have arrived; close ``results`` at its end."""
    try:
        while results.poll():
            outcome = results.recv()
            yield cases[outcome.position], outcome
    except EOFError:
        results.close()
