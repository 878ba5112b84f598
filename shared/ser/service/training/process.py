"""Runs a training in a separate process, on behalf of the server.

functions-framework forks its workers after the handler's module is loaded, and TensorFlow hangs in
a forked process. Such a process also frees all memory of a training when it exits, and it ends with
its server: it watches its standard input, which the server holds open.
"""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import IO, Any

import msgspec

from ser._progress import Progress, ignore_progress
from ser.errors import TooLarge
from ser.service import problems
from ser.service.interpreter import python_path
from ser.service.problems import ClientGone, TrainingLost
from ser.service.slots import Slots
from ser.service.training.request import JobContext, TrainRequest

HEARTBEAT_SECONDS = 1.0
END_SECONDS = 10.0
"""Time for which a process may clean up before it is killed."""
REQUESTED_ENDS = frozenset({-signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
"""Codes of a process that was asked to end, which does not make the training itself suspect."""


class TrainingProcesses:
    """The trainings of this server: counts them and refuses more than the limit."""

    def __init__(self) -> None:
        self._slots = Slots("trainings are running", "SER_MAX_TRAININGS")

    def train(
        self,
        request: TrainRequest,
        *,
        limit: int,
        seconds: float = math.inf,
        is_client_gone: Callable[[], bool] = lambda: False,
        progress: Progress = ignore_progress,
    ) -> dict[str, Any]:
        """Train as ``request`` says and return the answer of POST /train.

        Parameters
        ----------
        is_client_gone
            Returns whether the client has gone. The training then ends, and publishes nothing.

        Raises
        ------
        Busy
            ``limit`` trainings are running.
        ClientGone
            The client has gone.
        SerError
            Any error of :func:`train_in_process`.
        """

        def require_client() -> None:
            if is_client_gone():
                raise ClientGone("The client has gone; the training was ended.")

        with self.slot(limit):
            return train_in_process(
                request,
                seconds=seconds,
                progress=progress,
                heartbeat=require_client,
                before_publishing=require_client,
            )

    def slot(self, limit: int) -> AbstractContextManager[None]:
        """Return a context that occupies one of ``limit`` slots for trainings, and raises
        :class:`Busy` if none is free."""
        return self._slots.slot(limit)


def train_in_process(
    request: TrainRequest,
    *,
    seconds: float = math.inf,
    context: JobContext | None = None,
    progress: Progress = ignore_progress,
    heartbeat: Callable[[], None] = lambda: None,
    before_publishing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train as ``request`` says in a separate process and return the answer of POST /train.

    Parameters
    ----------
    seconds
        The longest time of the training, from the setting ``SER_MAX_TRAIN_SECONDS``.
    heartbeat
        Called at least every :data:`HEARTBEAT_SECONDS`. Its exceptions end the training.
    before_publishing
        Called when the model is complete and nothing of it is published yet. Its exceptions end the
        training, and nothing is published.

    Raises
    ------
    TooLarge
        The training takes longer than ``seconds``.
    SerError
        Any error that the training raised.
    """
    arguments = [] if context is None else [msgspec.json.encode(context).decode()]
    until = time.monotonic() + seconds

    def check() -> None:
        heartbeat()
        if time.monotonic() > until:
            raise TooLarge(
                f"The training takes longer than {seconds:g} s, the limit set by "
                "SER_MAX_TRAIN_SECONDS; it was ended, and nothing was published."
            )

    with training_process(arguments) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def send(line: bytes) -> None:
            # If the process has exited, the end of its output reveals it.
            with suppress(BrokenPipeError):
                stdin.write(line + b"\n")

        def permit() -> None:
            before_publishing()
            send(b"")

        send(msgspec.json.encode(request))
        steps = Steps(progress)
        last = follow(stdout, steps, check, permit)
        # Closing its standard input now would end the process before it has cleaned up.
        process.wait()
    if last is None:
        # Child processes of the training do not notice that it has exited.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        raise lost_training(process.returncode, steps.current)
    if "problem" in last:
        raise problems.from_document(last["problem"])
    answer: dict[str, Any] = last["answer"]
    return answer


@contextmanager
def training_process(arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the process of a training and yield it; end it if the block raises an exception."""
    with subprocess.Popen(
        [sys.executable, "-m", "ser.service.training", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": python_path()},
        bufsize=0,
    ) as process:
        try:
            yield process
        except BaseException:
            assert process.stdin is not None
            # The process ends when its standard input does, unless it hangs in a library.
            process.stdin.close()
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
            raise


class Steps:
    """Forwards the progress of a training, and knows its current step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.current = "start"

    def __call__(self, step: str, share: float) -> None:
        self.current = step
        self._progress(step, share)


def lost_training(code: int, step: str) -> TrainingLost:
    """Return the error of a training whose process ended with ``code`` in ``step``."""
    if code in REQUESTED_ENDS:
        return TrainingLost(f"The training process was stopped by signal {-code} in step {step!r}.")
    cause = (
        f"was killed by signal {-code} in step {step!r}; signal 9 usually means lack of memory."
        if code < 0
        else f"exited with code {code} in step {step!r}; see the log."
    )
    return TrainingLost(f"The training process {cause}", crash=f"code {code} in step {step!r}")


def follow(
    output: IO[bytes],
    progress: Progress,
    heartbeat: Callable[[], None],
    permit: Callable[[], None],
) -> dict[str, Any] | None:
    """Forward the progress of a training, permit its publication, and return its last message: the
    answer or the problem, or ``None`` if it ended without either."""
    for line in read_lines(output):
        heartbeat()
        message: dict[str, Any] = msgspec.json.decode(line or b"{}")
        if "answer" in message or "problem" in message:
            return message
        if "step" in message:
            progress(message["step"], message["share"])
        if "made" in message:
            permit()
    return None


def read_lines(pipe: IO[bytes]) -> Iterator[bytes]:
    """Yield each line of ``pipe`` as it arrives, and an empty one every
    :data:`HEARTBEAT_SECONDS` without one."""
    partial = b""
    poll = select.poll()
    poll.register(pipe)
    while True:
        if not poll.poll(HEARTBEAT_SECONDS * 1000):
            yield b""
            continue
        if not (data := os.read(pipe.fileno(), 1 << 16)):
            return
        *complete, partial = (partial + data).split(b"\n")
        yield from complete
