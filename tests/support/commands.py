"""The command ``ser`` as a process, with the sources that the tests run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ser

COMMAND = (sys.executable, "-m", "ser.command")
SECONDS = 300


class Result(NamedTuple):
    """The outcome of a command that ran in this process."""

    status: int
    output: str
    errors: str


Run = Callable[..., Result]


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a command, without settings of the developer."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SER_")}
    return {**kept, "PYTHONPATH": str(Path(ser.__file__).parents[1]), "COLUMNS": "200", **variables}


def run(
    *arguments: str | Path, stdin: bytes = b"", **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run ``ser <arguments>`` in the working directory, with pipes."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=SECONDS,
        env=environment(**variables),
    )
