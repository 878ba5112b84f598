"""The process of one training.

Its argument is the context of the job, if there is one. Standard input carries the request on one
line. Standard output carries one JSON object per line: ``{"step", "share"}`` for progress, then
``{"answer"}`` or ``{"problem"}``. When the model is complete, the process writes ``{"made": true}``
and publishes after it has read an empty line.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any, BinaryIO

import msgspec

from ser.errors import SerError
from ser.parallel import UnusableCluster
from ser.service import problems
from ser.service.logs import keep_secrets_out_of_logs
from ser.service.settings import Settings, SettingsError
from ser.service.terminal import show_progress
from ser.service.training.execution import execute
from ser.service.training.request import JobContext, decode_train_request, recheck_access


def main() -> None:
    """Run one training."""
    keep_secrets_out_of_logs()
    # A separate process group, so that all its processes can be ended together.
    os.setpgid(0, 0)
    # Libraries print to standard output; sent to standard error, that cannot corrupt a message.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(output)


def serve(output: BinaryIO) -> None:
    """Read the request from standard input, train, and write the answer or the problem."""
    line = sys.stdin.buffer.readline()
    permitted = threading.Event()
    threading.Thread(target=watch_server, args=[permitted], daemon=True).start()
    # Without oneDNN TensorFlow rounds alike on every machine and logs less when it starts.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        write_message(output, {"answer": train(line, output, permitted)})
    except SerError as error:
        write_message(output, {"problem": problems.document(error)})
    except (SettingsError, UnusableCluster) as error:
        # For the operator, who reads the log.
        sys.exit(str(error))


def train(line: bytes, output: BinaryIO, permitted: threading.Event) -> dict[str, Any]:
    """Train as the request in ``line`` says, write progress to ``output``, and return the answer.

    The model is published once ``permitted`` is set.
    """
    settings = Settings.from_environment()
    request = decode_train_request(line)
    recheck_access(request, settings)
    context = msgspec.json.decode(sys.argv[1] if sys.argv[1:] else "{}", type=JobContext)
    with show_progress("train") as show:

        def progress(step: str, share: float) -> None:
            show(step, share)
            write_message(output, {"step": step, "share": share})

        def await_permission() -> None:
            write_message(output, {"made": True})
            permitted.wait()

        return execute(
            request,
            settings,
            context=context,
            progress=progress,
            before_publishing=await_permission,
        )


def write_message(output: BinaryIO, message: dict[str, Any]) -> None:
    output.write(msgspec.json.encode(message) + b"\n")
    output.flush()


def watch_server(permitted: threading.Event) -> None:
    """Set ``permitted`` when the server permits publication; end this process group when standard
    input ends: the server has exited, and the answer would be lost."""
    # Not through sys.stdin, whose lock would still be held while the interpreter exits.
    while os.read(sys.stdin.fileno(), 1):
        permitted.set()
    # SIGTERM, not SIGKILL: joblib's tracker then still frees the shared memory.
    os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    main()
