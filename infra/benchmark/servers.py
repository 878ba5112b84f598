"""Functions served by their own processes, and requests to them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import urllib3

from stack import HOST, free_port, function_command, own_folders

POLL_SECONDS = 0.005
MEBIBYTE_IN_KIB = 1024


class EncodedRequest(NamedTuple):
    """The body of a request, encoded before the measured time begins."""

    body: bytes
    media_type: str


class Server(NamedTuple):
    """A function that is served."""

    port: int
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
            f"http://{HOST}:{self.port}",
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

        gunicorn's main process, which only supervises the worker, is not counted.
        """
        pid = self.process.pid
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return sum(kibibytes(worker, field) for worker in workers) / MEBIBYTE_IN_KIB


def kibibytes(pid: str, field: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, flags=re.MULTILINE)
    assert found, field
    return int(found[1])


@contextmanager
def serving(source: Path, function: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """Serve ``function`` of the module ``source``, as ``make serve`` does, until the context ends.

    Parameters
    ----------
    settings
        Environment variables that extend those of this process.
    """
    port = free_port()
    command = function_command(function, f"{HOST}:{port}")
    command[command.index("--source") + 1] = str(source)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        environment = {**os.environ, **settings, **own_folders(Path(folder) / "home")}
        http = urllib3.PoolManager(maxsize=16, retries=False, timeout=None)
        started = time.perf_counter()
        with (
            log.open("wb") as file,
            subprocess.Popen(command, env=environment, stdout=file, stderr=file) as process,
        ):
            try:
                yield Server(port, process, started, http, log)
            finally:
                http.clear()
                process.terminate()
