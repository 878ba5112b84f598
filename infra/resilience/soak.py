"""Load the functions behind their gateway for minutes and print the figures: ``make soak``.

``MINUTES`` is the duration of the load by 16 clients. Then follow uploads at once and slow clients
(:mod:`resilience.load`).
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import urllib3

import made
from benchmark.processes import descendants, kibibytes
from resilience import choices
from resilience.reports import Report, exit_status
from stack import running

CLIENTS = 16
MINUTES = 5
MAX_GROWTH_MIB = 5.0
"""Largest growth of memory after the first minute."""
PERIOD_SECONDS = 1.0
WINDOW = 15
"""Measurements of memory whose median is compared."""


class Ask(NamedTuple):
    """A request, and the status of its answer."""

    method: str
    path: str
    body: bytes
    media_type: str
    status: int


def asks() -> list[Ask]:
    """Return the requests that clients repeat: sounds in every form, and refusals."""
    sounds = [made.sound(made.signal(name)) for name in made.names(("03",), "WTF", "a")]
    encoded = [b64encode(sound).decode() for sound in sounds]
    several = json.dumps({"audio": encoded}).encode()
    enrolled = json.dumps({"audio": encoded[0], "enrolment": encoded[1:]}).encode()
    return [
        *(Ask("POST", "/predict", sound, "audio/wav", 200) for sound in sounds),
        Ask("POST", "/predict", several, "application/json", 200),
        Ask("POST", "/predict", enrolled, "application/json", 200),
        Ask("POST", "/predict", b"RIFF" * 1000, "audio/wav", 422),
        Ask("POST", "/predict", b"{", "application/json", 400),
        Ask("GET", "/models/ready/report", b"", "", 200),
        Ask("GET", "/predict/healthz", b"", "", 200),
        Ask("POST", "/train", b'{"colour": "red"}', "application/json", 422),
    ]


class Load:
    """Clients that repeat requests until :meth:`end`.

    Parameters
    ----------
    url
        Address of the gateway.
    """

    def __init__(self, url: str, clients: int) -> None:
        self._url, self._asks = url, asks()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self.answers = 0
        self.errors: Counter[str] = Counter()
        self._threads = [
            threading.Thread(target=self._repeat, args=(client,)) for client in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Return once all clients have their last answer."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, client: int) -> None:
        with urllib3.PoolManager(retries=False, timeout=60) as http:
            while not self._ended.is_set():
                client += 1
                error = self._error_of(http, self._asks[client % len(self._asks)])
                with self._lock:
                    self.answers += 1
                    if error:
                        self.errors[error] += 1

    def _error_of(self, http: urllib3.PoolManager, ask: Ask) -> str | None:
        headers = {"Content-Type": ask.media_type} if ask.media_type else {}
        try:
            found = http.request(
                ask.method, f"{self._url}{ask.path}", body=ask.body or None, headers=headers
            )
        except urllib3.exceptions.HTTPError as error:
            return f"{ask.method} {ask.path}: {type(error).__name__}"
        if found.status != ask.status:
            return f"{ask.method} {ask.path}: {found.status} instead of {ask.status}"
        return None


def mebibytes(processes: list[int]) -> float:
    """Return the memory of ``processes`` and of those that they have started."""
    all_of_them = [pid for parent in processes for pid in (parent, *descendants(parent))]
    return sum(kibibytes(pid, "VmRSS") for pid in all_of_them) / 1024


def median_of(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def soak(url: str, processes: list[int], minutes: float, clients: int = CLIENTS) -> Report:
    """Return the figures of a load of ``minutes`` on the functions ``processes``."""
    load = Load(url, clients)
    memory: list[float] = []
    deadline = time.monotonic() + 60 * minutes
    try:
        while time.monotonic() < deadline:
            time.sleep(PERIOD_SECONDS)
            memory.append(mebibytes(processes))
    finally:
        load.end()
    # Caches fill in the first minute; of a shorter load it is the first third.
    first = min(int(60 / PERIOD_SECONDS), len(memory) // 3)
    growth = median_of(memory[-WINDOW:]) - median_of(memory[first : first + WINDOW])
    problems = [f"{error}: {count} times" for error, count in load.errors.items()]
    if growth > MAX_GROWTH_MIB:
        problems.append(f"memory grows by {growth:.1f} MiB; allowed: {MAX_GROWTH_MIB:g} MiB")
    figures = {
        "clients": clients,
        "minutes": minutes,
        "answers": load.answers,
        "errors": load.errors.total(),
        "memory after the first minute, MiB": round(median_of(memory[first : first + WINDOW]), 1),
        "growth until the end, MiB": round(growth, 1),
    }
    return Report(f"{clients} clients", figures, tuple(problems))


@contextmanager
def served() -> Iterator[tuple[str, list[int]]]:
    """Yield the address of both functions behind the gateway, and the processes of the functions;
    with models and jobs in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "SER_ALLOWED_PATHS": folder,
            "SER_JOBS_URI": str(Path(folder, "jobs")),
            "SER_INBOX": "",
            "SER_MODEL_SAVE_PATH": "",
            # Tens of thousands of lines would bury the figures.
            "SER_LOG_REQUESTS": "false",
        }
        with running(0, settings) as stack:
            yield stack.url, [process.pid for process in stack.processes[:2]]


def load_checks(url: str) -> dict[str, Callable[[], Report]]:
    """Return the checks of :mod:`resilience.load`, if it is there."""
    if find_spec("resilience.load") is None:
        return {}
    load = import_module("resilience.load")
    checks: dict[str, Callable[[str], Report]] = {
        name: getattr(load, name) for name in ("uploads", "slow_clients")
    }
    return {name: partial(check, url) for name, check in checks.items()}


def main() -> int:
    """Run all checks against one server; return the exit status."""
    minutes = float(os.environ.get("MINUTES") or MINUTES)
    reports = []
    with served() as (url, processes):
        checks: dict[str, Callable[[], Report]] = {
            "clients": partial(soak, url, processes, minutes),
            **load_checks(url),
        }
        for name in choices.names("LOADS", checks):
            reports.append(checks[name]())
            print(reports[-1], flush=True)
    return exit_status(reports)
