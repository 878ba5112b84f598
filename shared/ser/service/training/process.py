"""A training in a process of its own, as the server sees it.

gunicorn forks its workers after the handler's module is loaded; TensorFlow hangs in them. The
process also returns all the memory of a training when it ends, and ends with its server: it
watches its standard input, which the server holds open.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import msgspec

import ser
from ser._progress import Progress, quiet
from ser.errors import Busy
from ser.service import problems
from ser.service.problems import TrainingLost
from ser.service.training.request import Commission

PULSE_SECONDS = 1.0


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
        with self.place(limit):
            return run(body, progress=progress)

    @contextmanager
    def place(self, limit: int) -> Iterator[None]:
        """Count as one of the ``limit`` trainings meanwhile; :class:`Busy` if there are so many."""
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


def run(
    body: dict[str, Any],
    *,
    commission: Commission | None = None,
    progress: Progress = quiet,
    pulse: Callable[[], None] = lambda: None,
    publishing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train what ``body`` asks for in a process of its own and return the answer.

    Parameters
    ----------
    commission
        What a job adds to its request.
    pulse
        Called every :data:`PULSE_SECONDS` or sooner. By raising it ends the training.
    publishing
        Called when the model is made, and before any of it is published. By raising it ends the
        training, and nothing is published.
    """
    arguments = [] if commission is None else [msgspec.json.encode(commission).decode()]
    # Left early it closes the input of the process, which ends by that.
    with subprocess.Popen(
        [sys.executable, "-m", "ser.service.training", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
        bufsize=0,
    ) as process:
        told, answers = process.stdin, process.stdout
        assert told is not None
        assert answers is not None

        def tell(line: bytes) -> None:
            # If it is gone already, the end of its answers says so.
            with suppress(BrokenPipeError):
                told.write(line + b"\n")

        def permit() -> None:
            publishing()
            tell(b"")

        tell(msgspec.json.encode(body))
        outcome = follow(answers, progress, pulse, permit)
        # Until it has ended: with its input closed it would end at once, and clear nothing away.
        process.wait()
    if outcome is None:
        # Those at work for it do not notice that it is gone.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        raise TrainingLost(
            f"The training process was killed by signal {-process.returncode}, 9 most often for "
            "want of memory."
            if process.returncode < 0
            else f"The training process ended with code {process.returncode}; the log says why."
        )
    if "problem" in outcome:
        raise problems.from_document(outcome["problem"])
    answer: dict[str, Any] = outcome["answer"]
    return answer


def follow(
    messages: IO[bytes], progress: Progress, pulse: Callable[[], None], permit: Callable[[], None]
) -> dict[str, Any] | None:
    """Pass on the progress that a training tells, give it leave to publish when it asks, and return
    its last message: the answer or the problem; ``None`` if it ends without."""
    for line in lines(messages):
        pulse()
        message: dict[str, Any] = msgspec.json.decode(line or b"{}")
        if "answer" in message or "problem" in message:
            return message
        if "step" in message:
            progress(message["step"], message["share"])
        if "made" in message:
            permit()
    return None


def lines(pipe: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines of ``pipe`` as they come, and an empty one when none does for a while."""
    begun = b""
    poll = select.poll()
    poll.register(pipe)
    while True:
        if not poll.poll(PULSE_SECONDS * 1000):
            yield b""
            continue
        if not (data := os.read(pipe.fileno(), 1 << 16)):
            return
        *whole, begun = (begun + data).split(b"\n")
        yield from whole


def python_path() -> str:
    """Where the process finds this very ``ser``, installed or vendored beside a handler."""
    here = str(Path(ser.__file__).parent.parent)
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
