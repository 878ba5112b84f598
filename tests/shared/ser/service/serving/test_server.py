"""The processes of the server."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

ARENAS = """
import ctypes, sys, threading
from ser.service.serving.server import share_arenas

if sys.argv[1:]:
    share_arenas()
barrier = threading.Barrier(6)
def work():
    barrier.wait()
    kept = bytearray(10_000)
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(6)]
for each in threads:
    each.start()
for each in threads:
    each.join()
system = ctypes.CDLL(None)
system.malloc_info(0, ctypes.c_void_p.in_dll(system, "stdout"))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
@pytest.mark.parametrize(
    ("environment", "argument", "arenas"),
    [({}, "share", 2), ({}, "", 7), ({"MALLOC_ARENA_MAX": "4"}, "share", 4)],
    ids=["shared", "each thread its own", "by the variable"],
)
def test_threads_share_arenas(environment: dict[str, str], argument: str, arenas: int) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    command = [sys.executable, "-c", ARENAS, *filter(None, [argument])]
    described = subprocess.run(
        command, env=kept | environment, capture_output=True, text=True, check=True
    ).stdout
    assert described.count("<heap nr=") == arenas
