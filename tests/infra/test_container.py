"""The development container and its two screens."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest
import urllib3

import makes
from makes import make
from stack import HOST, ROOT, free_port

FOLDER = ROOT / "infra" / "container"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
TOOLS = Path(sys.executable).parent
SECONDS = 300
"""Time-out of every wait, long enough for a busy machine."""

needs_screen = pytest.mark.skipif(shutil.which("screen") is None, reason="screen is missing")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment variables of ``make boot-app``: free ports, and screens of this test alone."""
    screens = mkdtemp()  # tmp_path is too long for a socket
    # The script and its screens run make themselves; the environment stays as it is.
    wrapper = tmp_path / "programs" / "make"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("make")} -o "$VENV/installed" "$@"\n')
    wrapper.chmod(0o755)
    environment = {
        **makes.environment(),
        "PATH": f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}",
        "PORT": str(free_port()),
        "JUPYTER_PORT": str(free_port()),
        "SCREENDIR": screens,
        "SER_INBOX": str(tmp_path / "inbox"),
        "SER_JOBS_URI": str(tmp_path / "jobs"),
        "SER_MODEL_SAVE_PATH": str(tmp_path / "model"),
        "SER_ALLOWED_PATHS": str(tmp_path),
    }
    try:
        yield environment
    finally:
        for leader in leaders_of(environment):
            with suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGTERM)
        deadline = time.monotonic() + SECONDS
        while screens_of(environment) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not screens_of(environment)
        shutil.rmtree(screens)


def list_screens(environment: dict[str, str]) -> str:
    command = ["screen", "-ls"]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    ).stdout


def screens_of(environment: dict[str, str]) -> list[str]:
    listed = list_screens(environment)
    return sorted(re.findall(r"\d+\.(\w+)\s", listed))


def leaders_of(environment: dict[str, str]) -> list[int]:
    """Return the processes that the screens started; each leads a process group."""
    listed = list_screens(environment)
    screens = re.findall(r"(\d+)\.\w+\s", listed)
    children = [Path(f"/proc/{screen}/task/{screen}/children") for screen in screens]
    return [int(child) for file in children for child in file.read_text().split()]


def boot(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", "boot-app"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def get(url: str) -> urllib3.BaseHTTPResponse:
    return urllib3.request("GET", url, retries=False, timeout=SECONDS)


def is_open(port: str) -> bool:
    try:
        get(f"http://{HOST}:{port}/")
    except urllib3.exceptions.HTTPError:
        return False
    return True


@needs_screen
def test_boot_app_starts_both_screens_and_says_how_to_end_them(
    environment: dict[str, str],
) -> None:
    api, jupyter = environment["PORT"], environment["JUPYTER_PORT"]
    booted = boot(environment)
    assert booted.returncode == 0, booted.stderr
    assert screens_of(environment) == ["API", "JUPYTER"]
    assert get(f"http://{HOST}:{api}/").json()["Status"] == "OK!"
    # Jupyter serves the clone to callers with the token, and to no others.
    (token,) = re.findall(rf"http://localhost:{jupyter}/lab\?token=(\w+)", booted.stdout)
    readme = f"http://{HOST}:{jupyter}/api/contents/README.md?content=0"
    assert get(readme).status == 403
    assert get(f"{readme}&token={token}").status == 200

    again = boot(environment)
    assert again.stdout.splitlines()[:2] == [
        "API is running already.",
        "JUPYTER is running already.",
    ]
    assert token in again.stdout
    assert screens_of(environment) == ["API", "JUPYTER"]

    (ending,) = re.findall(r"End: +(.*)", booted.stdout)
    subprocess.run(ending, shell=True, env=environment, check=True, timeout=SECONDS)
    deadline = time.monotonic() + SECONDS
    while screens_of(environment) or is_open(api) or is_open(jupyter):
        assert time.monotonic() < deadline
        time.sleep(0.2)


@needs_screen
def test_a_screen_that_ends_at_once_shows_why(environment: dict[str, str]) -> None:
    environment["JUPYTER_PORT"] = "none"
    booted = boot(environment)
    assert booted.returncode != 0
    assert "JUPYTER has ended:" in booted.stderr
    assert "port" in booted.stderr.partition("JUPYTER has ended:")[2]


def test_boot_app_says_how_to_install_a_missing_screen(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to(str(shutil.which("dirname")))
    done = subprocess.run(
        [str(shutil.which("sh")), FOLDER / "boot.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert "screen is missing; install it" in done.stderr


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A stand-in for an engine: it records its command lines and deletes nothing."""
    script = tmp_path / "engine"
    script.write_text(
        '#!/bin/sh\necho "$*" >> "$0.log"\n'
        'case $* in "ps "*) echo box ;; "volume ls "*) echo disk ;; esac\n'
    )
    script.chmod(0o755)
    return script


def prune(engine: Path, typed: str = "", confirm: str = "") -> subprocess.CompletedProcess[str]:
    rule = "clean-docker-full-only-in-emergency"
    return make(rule, f"ENGINE={engine}", stdin=typed, CONFIRM=confirm)


@pytest.mark.parametrize("typed", ["", "yes\n", "delete everything\n"])
def test_nothing_is_deleted_before_the_exact_words_are_typed(engine: Path, typed: str) -> None:
    done = prune(engine, typed)
    assert done.returncode != 0
    assert "nothing is deleted" in done.stderr
    assert not engine.with_suffix(".log").exists()


def test_the_exact_words_delete_everything_of_the_engine(engine: Path) -> None:
    words = f"delete everything of {engine}"
    log = engine.with_suffix(".log")
    for typed, confirm in ((words + "\n", ""), ("", words)):
        done = prune(engine, typed, confirm)
        assert done.returncode == 0, done.stderr
        assert log.read_text().splitlines() == [
            "ps --all --quiet",
            "rm --force box",
            "volume ls --quiet",
            "volume rm --force disk",
            "system prune --all --force",
        ]
        log.unlink()


def test_linters_find_nothing_in_the_dockerfile_and_the_scripts() -> None:
    assert SCRIPTS
    for command in ([TOOLS / "hadolint", FOLDER / "Dockerfile"], [TOOLS / "shellcheck", *SCRIPTS]):
        linted = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert linted.returncode == 0, linted.stdout


def test_the_build_context_is_the_copied_files_alone() -> None:
    copied = re.findall(r"^COPY --chown=\S+ (\S+)", (FOLDER / "Dockerfile").read_text(), re.M)
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert sorted(copied) == sorted(line[1:] for line in ignored if line.startswith("!"))
    assert "*" in ignored
