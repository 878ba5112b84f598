"""A training in a process of its own, as the server sees it.

gunicorn forks its workers after the handler's module is loaded; TensorFlow hangs in them. The
process also returns all the memory of a training when it ends, and ends with its server: it
watches its standard input, which the server holds open.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

import ser
from ser.errors import Busy, SerError, from_problem
from ser.progress import Progress, quiet


class TrainingLost(SerError):
    """The process ended without an answer: killed, most often for want of memory."""

    title = "The training was lost"


class TrainingProcesses:
    """Runs trainings, each in a process, and knows how many are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0

    def run(
        self, body: dict[str, Any], *, limit: int, progress: Progress = quiet
    ) -> dict[str, Any]:
        """Train what ``body`` (as for POST /train) asks for and return the answer.

        Raises
        ------
        Busy
            ``limit`` trainings are under way.
        SerError
            What the training raised.
        """
        with self._place(limit):
            return run(body, progress)

    @contextmanager
    def _place(self, limit: int) -> Iterator[None]:
        with self._lock:
            if self._under_way >= limit:
                raise Busy(
                    f"{self._under_way} trainings are under way, the limit set by "
                    "SER_MAX_TRAININGS; ask again when one has ended."
                )
            self._under_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._under_way -= 1


def run(body: dict[str, Any], progress: Progress) -> dict[str, Any]:
    with subprocess.Popen(
        [sys.executable, "-m", "ser.training"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(body) + b"\n")
        process.stdin.flush()
        answer = follow(process.stdout, progress)
        # Until it has ended: with its input closed it would end at once, and clear nothing away.
        process.wait()
    if answer is None:
        raise TrainingLost(
            f"The training process was killed by signal {-process.returncode}, 9 most often for "
            "want of memory."
            if process.returncode < 0
            else f"The training process ended with code {process.returncode}; the log says why."
        )
    return answer


def follow(messages: IO[bytes], progress: Progress) -> dict[str, Any] | None:
    """Pass on the progress that a training tells, and return its answer or raise its error."""
    for line in messages:
        message = msgspec.json.decode(line)
        if "problem" in message:
            raise from_problem(message["problem"])
        if "answer" in message:
            answer: dict[str, Any] = message["answer"]
            return answer
        progress(message["step"], message["share"])
    return None


def python_path() -> str:
    """Where the process finds this very ``ser``, installed or vendored beside a handler."""
    here = str(Path(ser.__file__).parent.parent)
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
