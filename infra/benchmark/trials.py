"""Work in a process of its own, whose time and memory are measured."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmark.processes import descendants, kibibytes
from stack import ROOT

POLL_SECONDS = 0.05
MEGABYTE_IN_KIB = 1_000_000 / 1024


class Trial(NamedTuple):
    """The cost of some work."""

    answer: Any
    seconds: float
    megabytes: float
    """Sum of the peaks of memory of all processes that were alive at once, at most."""


def run(
    work: str, arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> Trial:
    """Return the cost of the function ``work`` of :mod:`benchmark.work`.

    Parameters
    ----------
    arguments
        Arguments of the function, as JSON values.
    environment
        Environment variables that extend those of this process.

    Raises
    ------
    RuntimeError
        The process has failed; its own output precedes the message.
    """
    variables = {**os.environ, **(environment or {})}
    paths = [str(ROOT / "infra"), str(ROOT / "infra" / "local"), variables.get("PYTHONPATH", "")]
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    encoded = msgspec.json.encode(arguments).decode()
    command = [sys.executable, "-m", "benchmark.work", work, encoded]
    started = time.perf_counter()
    with subprocess.Popen(command, env=variables, cwd=ROOT, stdout=subprocess.PIPE) as process:
        memory = PeakMemory(process)
        assert process.stdout
        output = process.stdout.read()
    seconds = time.perf_counter() - started
    memory.join()
    if process.returncode:
        raise RuntimeError(f"{work} ended with code {process.returncode}")
    # The function itself may print.
    answer = msgspec.json.decode(output.splitlines()[-1])
    own_peak = answer["peak_kib"] / MEGABYTE_IN_KIB
    return Trial(answer["result"], seconds, max(memory.megabytes, own_peak))


class PeakMemory(threading.Thread):
    """The memory of a process and of those that it starts, observed until the process ends."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__(daemon=True)
        self.megabytes = 0.0
        self._process = process
        self.start()

    def run(self) -> None:
        """Observe; called by the thread."""
        pid = self._process.pid
        while self._process.returncode is None and Path(f"/proc/{pid}/status").exists():
            peaks = (kibibytes(each, "VmHWM") for each in (pid, *descendants(pid)))
            self.megabytes = max(self.megabytes, sum(peaks) / MEGABYTE_IN_KIB)
            time.sleep(POLL_SECONDS)
