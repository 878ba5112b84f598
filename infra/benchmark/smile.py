"""Servers and features of openSMILE, which are compared with ours: in an environment of their own.

No part of the project depends on it. The environment is made once, and again if its requirements
have changed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import soundfile

from benchmark.contest import Contestant, NotMeasuredError
from benchmark.rows import BENTOML, FASTAPI
from benchmark.servers import Command
from ser.sounds import SAMPLING_RATE, Signal
from stack import HOST

SCRIPTS = Path(__file__).parent / "alternatives"
REQUIREMENTS = SCRIPTS / "requirements.txt"
SETTINGS = (
    # BentoML sends data on its use to its makers unless this is set.
    ("BENTOML_DO_NOT_TRACK", "True"),
    ("PYTHONPATH", str(SCRIPTS)),
)


def make_environment(folder: Path) -> Path:
    """Return the Python of the environment in ``folder``, which is made if necessary.

    Raises
    ------
    NotMeasuredError
        Its packages cannot be installed.
    """
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:")
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", *options, "--requirement", str(REQUIREMENTS)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise NotMeasuredError(f"openSMILE cannot be installed: {reason[-1]}")
    stamp.write_text(wanted)
    return python


class Alternatives(NamedTuple):
    """A trained SVM on openSMILE's features, and the environment that it needs."""

    python: Path
    folder: Path
    """The recordings with their labels."""
    model: Path
    code: str
    """The code that the model predicts for the clip of the first answers."""

    @classmethod
    def train(cls, python: Path, folder: Path, work: Path, clip: Signal) -> Alternatives:
        """Train on the recordings in ``folder``; the model is written to ``work``."""
        file, model = work / "clip.wav", work / "svm.joblib"
        soundfile.write(file, clip, SAMPLING_RATE)
        command = [python, SCRIPTS / "train.py", folder, model, file]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return cls(python, folder, model, done.stdout.strip())

    @property
    def contestants(self) -> tuple[Contestant, ...]:
        """The model behind FastAPI, and behind BentoML."""
        settings = (*SETTINGS, ("MODEL", str(self.model)))
        home = (("BENTOML_HOME", str(self.model.parent / "bentoml")),)
        return (
            Contestant(
                FASTAPI,
                self._uvicorn(),
                lambda _: self.code,
                environment=settings,
                path="/predict",
            ),
            Contestant(
                BENTOML,
                self._bentoml(),
                lambda _: self.code,
                environment=settings + home,
                path="/predict",
            ),
        )

    def _uvicorn(self) -> Command:
        # uvicorn reads the number of its workers from WEB_CONCURRENCY alone.
        start = 'WEB_CONCURRENCY=$WORKERS exec "$0" -m uvicorn with_fastapi:app "$@"'
        options = ["--host", HOST, "--log-level", "warning", "--port"]
        return lambda port: ["sh", "-c", start, str(self.python), *options, str(port)]

    def _bentoml(self) -> Command:
        options = ["with_bentoml:Emotions", "--working-dir", str(SCRIPTS), "--host", HOST]
        start = [str(self.python), "-m", "bentoml", "serve", *options, "--port"]
        return lambda port: [*start, str(port)]

    def batch(self) -> float:
        """Return the seconds in which a new process judges all recordings, by joblib on all
        cores."""
        command = [self.python, SCRIPTS / "turns.py", self.folder, self.model]
        start = time.perf_counter()
        subprocess.run(command, input="batch\n", capture_output=True, text=True, check=True)
        return time.perf_counter() - start

    @contextmanager
    def turns(self) -> Iterator[Turns]:
        """Yield a process that works in turns, until the context ends."""
        command = [self.python, SCRIPTS / "turns.py", self.folder, self.model]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            yield Turns(process)


class Turns:
    """A process of openSMILE's environment, which works when it is asked."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, turn: str) -> float:
        """Return the seconds of ``turn``, a line as ``alternatives/turns.py`` reads it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{turn}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r} ended during the turn {turn!r}")
        return float(answer)
