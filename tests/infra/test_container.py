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

from stack import HOST, ROOT, free_port

FOLDER = ROOT / "infra" / "container"
SCRIPTS = sorted(FOLDER.glob("*.sh"))
TOOLS = Path(sys.executable).parent

needs_screen = pytest.mark.skipif(shutil.which("screen") is None, reason="screen is missing")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What ``make boot-app`` finds: free ports, and screens that nobody else sees."""
    screens = mkdtemp()  # where tmp_path is too long for a socket
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME")},
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
        deadline = time.monotonic() + 60
        while screens_of(environment) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert not screens_of(environment)
        shutil.rmtree(screens)


def screens_of(environment: dict[str, str]) -> list[str]:
    listed = subprocess.run(
        ["screen", "-ls"], env=environment, capture_output=True, text=True, check=False
    )
    return sorted(re.findall(r"\d+\.(\w+)\s", listed.stdout))


def leaders_of(environment: dict[str, str]) -> list[int]:
    """The processes that the screens have started, each the leader of a group."""
    listed = subprocess.run(
        ["screen", "-ls"], env=environment, capture_output=True, text=True, check=False
    )
    screens = re.findall(r"(\d+)\.\w+\s", listed.stdout)
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
    )


def is_open(port: str) -> bool:
    try:
        urllib3.request("GET", f"http://{HOST}:{port}/", retries=False)
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
    assert urllib3.request("GET", f"http://{HOST}:{api}/").json()["Status"] == "OK!"
    # Jupyter answers in the clone whoever has the token, and nobody else.
    (token,) = re.findall(rf"http://localhost:{jupyter}/lab\?token=(\w+)", booted.stdout)
    readme = f"http://{HOST}:{jupyter}/api/contents/README.md?content=0"
    assert urllib3.request("GET", readme).status == 403
    assert urllib3.request("GET", f"{readme}&token={token}").status == 200

    again = boot(environment)
    assert again.stdout.splitlines()[:2] == ["API is there already.", "JUPYTER is there already."]
    assert token in again.stdout
    assert screens_of(environment) == ["API", "JUPYTER"]

    (ending,) = re.findall(r"End: +(.*)", booted.stdout)
    subprocess.run(ending, shell=True, env=environment, check=True)
    deadline = time.monotonic() + 60
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


def test_where_screen_is_missing_boot_app_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "dirname").symlink_to(str(shutil.which("dirname")))
    done = subprocess.run(
        [str(shutil.which("sh")), FOLDER / "boot.sh"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "screen is missing; install it" in done.stderr


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """Notes what it is asked to do, instead of doing it to this machine."""
    script = tmp_path / "engine"
    script.write_text(
        '#!/bin/sh\necho "$*" >> "$0.log"\n'
        'case $* in "ps "*) echo box ;; "volume ls "*) echo disk ;; esac\n'
    )
    script.chmod(0o755)
    return script


def prune(engine: Path, said: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", "clean-docker-full-only-in-emergency", f"ENGINE={engine}"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment},
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("said", ["", "yes\n", "delete everything\n"])
def test_nothing_is_deleted_before_the_words_are_typed(engine: Path, said: str) -> None:
    done = prune(engine, said)
    assert done.returncode != 0
    assert "nothing is deleted" in done.stderr
    assert not engine.with_suffix(".log").exists()


def test_everything_of_the_engine_is_deleted_once_it_is_said(engine: Path) -> None:
    words = f"delete everything of {engine}"
    log = engine.with_suffix(".log")
    for said, environment in ((words + "\n", {}), ("", {"CONFIRM": words})):
        done = prune(engine, said, **environment)
        assert done.returncode == 0, done.stderr
        assert log.read_text().splitlines() == [
            "ps --all --quiet",
            "rm --force box",
            "volume ls --quiet",
            "volume rm --force disk",
            "system prune --all --force",
        ]
        log.unlink()


def test_the_dockerfile_and_the_scripts_are_clean() -> None:
    assert SCRIPTS
    for command in ([TOOLS / "hadolint", FOLDER / "Dockerfile"], [TOOLS / "shellcheck", *SCRIPTS]):
        linted = subprocess.run(command, capture_output=True, text=True, check=False)
        assert linted.returncode == 0, linted.stdout


def test_the_image_takes_only_what_the_environment_is_made_of() -> None:
    copied = re.findall(r"^COPY --chown=\S+ (\S+)", (FOLDER / "Dockerfile").read_text(), re.M)
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert sorted(copied) == sorted(line[1:] for line in ignored if line.startswith("!"))
    assert "*" in ignored
