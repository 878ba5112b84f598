"""A process that reads cases, and the failures that it finds."""

from __future__ import annotations

import faulthandler
import logging
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from resilience.fuzzing.guards import Watch, check_growth, limit_memory, reset_peak
from resilience.fuzzing.parser import (
    ALLOWED_STATUSES,
    Case,
    InternalError,
    Opened,
    Parser,
)
from ser.errors import SerError
from ser.service import problems

PRESENT, STACKS = "present", "stacks"
"""The files with the payload that a process reads at present, and with the stacks of its threads if
a signal ends it."""
Load = Callable[[], Sequence[Parser]]
"""Returns the parsers."""


class Failure(NamedTuple):
    """A case that a parser did not read as it should."""

    case: Case
    kind: str
    """The same for failures with the same cause: the exception and where it was raised."""
    detail: str
    payload: bytes
    error: BaseException | None = None
    """The exception, in the process where it was raised."""

    def sent(self) -> Failure:
        """Return the failure without the exception, which may not be picklable."""
        return self._replace(error=None)


class Outcome(NamedTuple):
    """The outcome of a case; without a failure, whether the payload was accepted."""

    position: int
    accepted: bool
    failure: Failure | None


class Reader:
    """Reads the cases of parsers, which are opened at their first case."""

    def __init__(self, parsers: Sequence[Parser], home: Path) -> None:
        self._parsers = {parser.name: parser for parser in parsers}
        self._home = home
        self._opened: dict[str, Opened] = {}
        self.watch = Watch()

    def open(self, name: str) -> Opened:
        """Return the parser called ``name``, ready to read."""
        if name not in self._opened:
            folder = self._home / f"parser-{len(self._opened)}"
            folder.mkdir()
            os.chdir(folder)
            self._opened[name] = self._parsers[name].open(folder)
        return self._opened[name]

    def payload(self, case: Case) -> bytes:
        """Return the payload of ``case``."""
        mutate = self._parsers[case.parser].mutate
        return case.payload(self.open(case.parser).payloads, mutate)

    def read(self, case: Case, payload: bytes) -> tuple[bool, Failure | None]:
        """Return whether the parser accepts ``payload``, and its failure if there is one."""
        read = self.open(case.parser).read
        # Another address for each case: functions keep what they have read at one for a while.
        folder = self._home / f"case-{case.parser.replace('/', '')}-{case.number}"
        folder.mkdir()
        os.chdir(folder)
        tempfile.tempdir = str(folder)
        before = reset_peak()
        self.watch.begin(folder)
        accepted = True
        try:
            try:
                read(payload, folder)
            except SerError as error:
                accepted = False
                if (status := problems.status_of(error)) >= 500 and status not in ALLOWED_STATUSES:
                    raise
            self.watch.end()
            check_growth(before)
        except Exception as error:
            return False, Failure(case, kind_of(error), shortly(error), payload, origin(error))
        finally:
            # Nothing of a case may be counted as a write of the next one.
            self.watch.abandon()
            os.chdir(self._home)
            tempfile.tempdir = str(self._home)
            shutil.rmtree(folder, ignore_errors=True)
        return accepted, None


def kind_of(error: BaseException) -> str:
    """Return the type of ``error`` and the function of this project that raised it."""
    error = origin(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}ser{os.sep}" in frame.filename] or frames
    return f"{type(error).__name__} in {Path(ours[-1].filename).name}:{ours[-1].name}"


def shortly(error: BaseException) -> str:
    """Return the message of ``error``, cut off."""
    return f"{origin(error)}"[:300]


def origin(error: BaseException) -> BaseException:
    """Return the exception that a function has logged, or ``error`` itself."""
    return error.__cause__ or error if isinstance(error, InternalError) else error


def work(
    load: Load,
    cases: Sequence[Case],
    first: int,
    step: int,
    home: str,
    state: Any,
    results: Connection,
) -> None:
    """Read every ``step``-th of ``cases`` from ``first`` on, and send the outcome of each.

    Parameters
    ----------
    home
        A folder for this process.
    state
        Gets the index of the case that is being read, and the time of its begin by
        :func:`time.monotonic`; 0 between cases.
    """
    quiet()
    faulthandler.enable(Path(home, STACKS).open("w"))  # noqa: SIM115 - until the process ends
    # Modules that a case imports first write no bytecode, which is no effect of the case.
    sys.dont_write_bytecode = True
    limit_memory()
    with tempfile.TemporaryDirectory(dir=home) as folder:
        reader = Reader(load(), Path(folder).resolve())
        sys.addaudithook(reader.watch)
        for index in range(first, len(cases), step):
            payload = reader.payload(cases[index])
            Path(home, PRESENT).write_bytes(payload)
            state[0], state[1] = index, time.monotonic()
            accepted, failure = reader.read(cases[index], payload)
            state[1] = 0
            results.send(Outcome(index, accepted, failure and failure.sent()))
        os.chdir(home)
    results.close()


def quiet() -> None:
    """Silence the log and the warnings of libraries, and their output on the terminal."""
    logging.disable(logging.NOTSET)
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger("ser").propagate = False
    warnings.simplefilter("ignore")
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "ORT_LOGGING_LEVEL": "4"}
    with Path(os.devnull).open("w") as nothing:
        for output in (1, 2):
            os.dup2(nothing.fileno(), output)
