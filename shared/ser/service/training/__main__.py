"""The process of a training: what a job adds as its argument, the body on standard input, progress
and the answer on standard output, one JSON object to a line.

When the model is made it says ``{"made": true}``, and waits for an empty line before it publishes.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from typing import Any, BinaryIO

import msgspec

from ser.errors import SerError
from ser.parallel import UnusableCluster
from ser.service import problems
from ser.service.settings import Settings, SettingsError
from ser.service.terminal import shown
from ser.service.training.execution import execute
from ser.service.training.request import Commission, read_train_request


def main() -> None:
    """Train once."""
    # A group of its own, which can be ended as a whole.
    os.setpgid(0, 0)
    # Libraries print; whatever they print goes to standard error, where it breaks no line.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(answers)


def serve(answers: BinaryIO) -> None:
    """Read the body and tell what came of it."""
    body = msgspec.json.decode(sys.stdin.buffer.readline())
    permitted = threading.Event()
    threading.Thread(target=heed_the_server, args=[permitted], daemon=True).start()
    # Without oneDNN TensorFlow rounds alike on every machine, and has less to say at its start.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as folder:
        # numba, which librosa imports, refuses to start where it finds no place for its cache.
        os.environ.setdefault("NUMBA_CACHE_DIR", folder)
        try:
            tell(answers, {"answer": answer(body, answers, permitted)})
        except SerError as error:
            tell(answers, {"problem": problems.document(error)})
        except (SettingsError, UnusableCluster) as error:
            # The operator's to read, in the log.
            sys.exit(str(error))


def answer(body: dict[str, Any], answers: BinaryIO, permitted: threading.Event) -> dict[str, Any]:
    """Return the answer to ``body``, telling progress on the way."""
    settings = Settings.from_environment()
    request = read_train_request(body, settings)
    commission = msgspec.json.decode(sys.argv[1] if sys.argv[1:] else "{}", type=Commission)
    with shown("train") as show:

        def progress(step: str, share: float) -> None:
            show(step, share)
            tell(answers, {"step": step, "share": share})

        def ask_leave() -> None:
            tell(answers, {"made": True})
            permitted.wait()

        return execute(
            request, settings, commission=commission, progress=progress, publishing=ask_leave
        )


def tell(answers: BinaryIO, message: dict[str, Any]) -> None:
    answers.write(msgspec.json.encode(message) + b"\n")
    answers.flush()


def heed_the_server(permitted: threading.Event) -> None:
    """Note its leave to publish. End at once, and all processes at work for this one, when standard
    input does: the server that would hear the answer is gone."""
    # Not through sys.stdin, whose lock would be held while the interpreter ends.
    while os.read(sys.stdin.fileno(), 1):
        permitted.set()
    # Not by force: joblib's tracker then still removes what was shared in memory.
    os.killpg(0, signal.SIGTERM)


if __name__ == "__main__":
    main()
