"""Servers as processes of their own, and requests to them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import urllib3

from benchmark.processes import descendants, kibibytes
from stack import HOST, ROOT, end, free_port, function_command, own_folders

POLL_SECONDS = 0.005
MEBIBYTE_IN_KIB = 1024

Command = Callable[[int], list[str]]
"""Returns the command that serves at a port of the loopback interface."""


class EncodedRequest(NamedTuple):
    """The body of a request, encoded before the measured time begins."""

    body: bytes
    media_type: str


class Server(NamedTuple):
    """A function that is served."""

    port: int
    path: str
    process: subprocess.Popen[bytes]
    started: float
    """Time of the start, by :func:`time.perf_counter`."""
    http: urllib3.PoolManager
    log: Path

    def first_answer(self, request: EncodedRequest) -> tuple[float, Any]:
        """Return the seconds from the start to the answer to ``request``, and the answer."""
        self.wait()
        answer = self.post(request)
        return time.perf_counter() - self.started, answer

    def wait(self) -> None:
        """Return once the server accepts connections; ``RuntimeError`` if it has exited."""
        while self.process.poll() is None:
            try:
                socket.create_connection((HOST, self.port)).close()
            except ConnectionRefusedError:
                time.sleep(POLL_SECONDS)
            else:
                return
        raise RuntimeError(f"{self.process.args!r} exited:\n{self.output()}")

    def post(self, request: EncodedRequest) -> Any:
        """Return the answer to ``request``; ``RuntimeError`` unless its status is 200."""
        response = self.http.request(
            "POST",
            f"http://{HOST}:{self.port}{self.path}",
            body=request.body,
            headers={"Content-Type": request.media_type},
        )
        if response.status != 200:
            raise RuntimeError(f"{response.status}: {response.data.decode()}\n{self.output()}")
        return msgspec.json.decode(response.data)

    def milliseconds(self, request: EncodedRequest) -> float:
        """Return the time until the answer to ``request``, in ms."""
        start = time.perf_counter()
        self.post(request)
        return 1000 * (time.perf_counter() - start)

    def output(self) -> str:
        """Return the output of the processes."""
        return self.log.read_text()

    def memory(self, field: str) -> float:
        """Return the memory of the workers in MiB: present (``VmRSS``) or peak (``VmHWM``).

        A main process that only supervises workers is not counted.
        """
        workers = descendants(self.process.pid) or [self.process.pid]
        return sum(kibibytes(worker, field) for worker in workers) / MEBIBYTE_IN_KIB


def our_function(name: str) -> Command:
    """Return the command of our function ``name``, as ``make serve`` runs it."""
    return lambda port: function_command(name, f"{HOST}:{port}")


def framework(source: Path, function: str) -> Command:
    """Return the command by which functions-framework serves ``function`` of ``source``."""
    program = str(Path(sys.executable).parent / "functions-framework")
    options = ["--source", str(source), "--target", function, "--host", HOST, "--port"]
    return lambda port: [program, *options, str(port)]


@contextmanager
def serving(command: Command, settings: Mapping[str, str], path: str = "/") -> Iterator[Server]:
    """Run ``command`` until the context ends.

    Parameters
    ----------
    settings
        Environment variables that extend those of this process.
    path
        The path of all requests.
    """
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        environment = {**os.environ, **settings, **own_folders(Path(folder) / "home")}
        http = urllib3.PoolManager(maxsize=64, retries=False, timeout=None)
        started = time.perf_counter()
        with (
            log.open("wb") as file,
            subprocess.Popen(
                command(port), env=environment, cwd=ROOT, stdout=file, stderr=file
            ) as process,
        ):
            try:
                yield Server(port, path, process, started, http, log)
            finally:
                http.clear()
                end(process)
