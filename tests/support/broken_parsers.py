"""Parsers with one defect each, to see that the fuzzing finds it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from resilience.fuzzing.parser import Opened, Parser
from ser.errors import InvalidInput

kept: list[bytearray] = []
others: list[subprocess.Popen[bytes]] = []


def refuse(data: bytes, _folder: Path) -> None:
    raise InvalidInput("refused")


def fail(data: bytes, _folder: Path) -> None:
    if b"a" not in data:
        raise ValueError("no a")


def write_elsewhere(_data: bytes, folder: Path) -> None:
    (folder.parent / "elsewhere").write_bytes(b"")


def take_memory(_data: bytes, _folder: Path) -> None:
    kept[:] = [bytearray(500 << 20)]


def take_memory_elsewhere(_data: bytes, _folder: Path) -> None:
    if not others:
        program = "kept = bytearray(500 << 20); print(flush=True); input()"
        others.append(
            subprocess.Popen(
                [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )
        assert others[0].stdout is not None
        others[0].stdout.readline()


def hang(_data: bytes, _folder: Path) -> None:
    time.sleep(600)


def crash(_data: bytes, _folder: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def connect(_data: bytes, _folder: Path) -> None:
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=5)
    except ConnectionRefusedError as error:
        raise InvalidInput("no connection") from error


def parsers() -> tuple[Parser, ...]:
    """Return all of them, and two without a defect."""
    functions = (
        *(refuse, connect, fail, write_elsewhere),
        *(take_memory, take_memory_elsewhere, hang, crash),
    )
    return tuple(
        Parser(each.__name__, lambda _, read=each: Opened([b"data"], read))  # type: ignore[misc]
        for each in functions
    )
