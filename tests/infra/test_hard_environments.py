"""The functions under hard restrictions: a read-only root, an unprivileged user, no shared memory
and no home. Real processes in a separate mount namespace, which only root can create."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import urllib3

import graphs
import made
from stack import HOST, ROOT, free_port, function_command, process

UNPRIVILEGED = 65534
NAME = "03a01Wa.wav"

HARDEN = """
scratch=$1 closed=$2
shift 2
mount --bind "$scratch" "$scratch"
if [ -n "$closed" ]; then
  mkdir "$scratch/aside"
  mount --rbind "$closed" "$scratch/aside"
  mount -t tmpfs -o mode=755 none "$closed"
fi
while [ "$1" != -- ]; do
  mkdir -p "$1"
  mount --bind "$scratch/aside${1#"$closed"}" "$1"
  shift
done
if [ -n "$closed" ]; then
  umount -l "$scratch/aside"
  rmdir "$scratch/aside"
fi
if [ -d /dev/shm ]; then mount -t tmpfs -o ro none /dev/shm; fi
while read -r _ place _; do
  case $place in "$scratch" | /proc | /proc/* | /sys | /sys/*) continue ;; esac
  mount -o remount,bind,ro "$place" 2> /dev/null || true
done < /proc/mounts
shift
exec "$@"
"""
"""Shell: makes everything but the folder $1 read-only, and hides the folder $2 except for the
folders in it that follow, up to ``--``."""
SECONDS = 600
"""Time-out of a training, and of a start, on a busy machine."""

PROBE = """
import multiprocessing, os, sys, tempfile
assert os.getuid() == 65534 and "HOME" not in os.environ
for folder in ("/", "/tmp", "/dev/shm", "/var/tmp", sys.prefix, sys.argv[1]):
    assert not os.access(folder, os.W_OK), folder
try:
    multiprocessing.Lock()
except OSError:
    tempfile.TemporaryFile().close()
else:
    raise AssertionError("there is shared memory")
"""


class Ground(NamedTuple):
    """The files that the functions reach: a readable folder, and in it a writable one."""

    folder: Path
    scratch: Path

    def command(self, *command: str | Path) -> list[str]:
        """Return the command line that runs ``command`` where only ``scratch`` is writable."""
        user = (f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups")
        settings = (f"TMPDIR={self.scratch}", f"SER_ALLOWED_PATHS={self.folder}")
        alone = ("env", "-i", f"--chdir={self.folder}", f"PATH={os.environ['PATH']}", *settings)
        return [
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", "-euc", HARDEN, "harden", str(self.scratch), *hidden(), "--"),
            *("setpriv", *user, *alone),
            *map(str, command),
        ]


def hidden() -> list[str]:
    """Return the folder that other users cannot enter, such as /root, or '', and the folders in it
    that the functions need."""
    needed = sorted({Path(sys.base_prefix), Path(sys.prefix), ROOT})
    closed = [p for n in needed for p in reversed(n.parents) if not p.stat().st_mode & stat.S_IXOTH]
    inside = [str(n) for n in needed if closed and n.is_relative_to(closed[0])]
    return [str(closed[0]) if closed else "", *inside]


@pytest.fixture
def ground() -> Iterator[Ground]:
    if missing := [tool for tool in ("unshare", "setpriv") if shutil.which(tool) is None]:
        pytest.skip(f"{', '.join(missing)} of util-linux missing")
    with tempfile.TemporaryDirectory() as name:
        ground = Ground(Path(name), Path(name, "scratch"))
        ground.folder.chmod(0o755)
        ground.scratch.mkdir()
        if os.getuid() != 0:
            pytest.skip("only root can create a mount namespace with a read-only root")
        os.chown(ground.scratch, UNPRIVILEGED, UNPRIVILEGED)
        run = subprocess.run(
            ground.command(sys.executable, "-c", ""), capture_output=True, timeout=SECONDS
        )
        if run.returncode != 0:
            pytest.skip(f"no such namespace here: {run.stderr.decode().strip()}")
        yield ground


@contextmanager
def serving(ground: Ground, name: str) -> Iterator[str]:
    """Yield the address of the function called ``name`` once it answers."""
    address = f"{HOST}:{free_port()}"
    with process(ground.command(*function_command(name, address)), os.environ) as server:
        deadline = time.monotonic() + SECONDS
        while True:
            assert server.poll() is None, f"{name} exited with code {server.returncode}"
            assert time.monotonic() < deadline, f"{name} does not answer"
            try:
                urllib3.request("GET", f"http://{address}/healthz", retries=False, timeout=SECONDS)
                break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        yield f"http://{address}"


def post(url: str, body: dict[str, Any]) -> Any:
    response = urllib3.request("POST", url, json=body, retries=False, timeout=SECONDS)
    answer = msgspec.json.decode(response.data)
    assert response.status == 200, answer
    return answer


def test_the_restrictions_are_in_force(ground: Ground) -> None:
    run = subprocess.run(
        ground.command(sys.executable, "-c", PROBE, ground.folder),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert run.returncode == 0, run.stderr


def test_predict_answers_with_only_a_temporary_folder_to_write_to(ground: Ground) -> None:
    names = [NAME, "08a01Wa.wav"]
    sounds = {name: made.sound(made.signal(name)) for name in names}
    model_id = graphs.publish(ground.folder / "model", graphs.model(), sounds)
    body = {"model_id": model_id, "model_save_path": str(ground.folder / "model")}
    with serving(ground, "predict") as address:
        answer = post(f"{address}/predict", body | {"sample_name": names})
    assert (answer["sample_name"], answer["speech"]) == (names, [True, True])


def test_train_makes_a_model_of_the_recipe_with_only_a_temporary_folder_to_write_to(
    ground: Ground,
) -> None:
    made.corpus(ground.folder / "corpus.zip", made.names(speakers=("03", "08")))
    body = {
        "data_path": str(ground.scratch / "data"),
        "remote_url": str(ground.folder / "corpus.zip"),
        "model_type": "DiscriminantClassifier",
        "model_save_path": str(ground.scratch / "model"),
        "evaluation": "loso",
    }
    with serving(ground, "train") as address:
        answer = post(f"{address}/train", body)
    assert (ground.scratch / "model" / answer["model_id"] / "manifest.json").is_file()
