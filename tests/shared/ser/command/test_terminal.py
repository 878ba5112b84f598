"""The command as a process: in a terminal, in pipes, and when it is interrupted."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pexpect
import pytest

import commands
import ser

BAR = re.compile("━")


def in_terminal(command: str) -> tuple[int, str]:
    """Run a command of a shell in a terminal; return its exit status and all that it shows."""
    output, status = pexpect.run(
        f"sh -c {shlex.quote(command)}",
        env=commands.environment(TERM="xterm-256color", SER=shlex.join(commands.COMMAND)),
        encoding="utf-8",
        withexitstatus=True,
        timeout=commands.SECONDS,
    )
    return status, output


def test_a_terminal_shows_a_bar_and_then_the_table(folder: Path) -> None:
    status, shown = in_terminal("$SER predict corpus")
    assert status == 0
    assert BAR.search(shown)
    assert "100%" in shown
    last_bar = max(match.start() for match in BAR.finditer(shown))
    assert shown.index("confidence") > last_bar
    assert len(re.findall(r"^corpus/wav/.*\.wav", shown, flags=re.MULTILINE)) == 18


def test_a_pipe_has_the_rows_while_the_terminal_has_the_bar(folder: Path) -> None:
    status, shown = in_terminal("$SER predict corpus --format json > rows.json")
    assert status == 0
    assert BAR.search(shown)
    assert "confidence" not in shown
    assert len(json.loads((folder / "rows.json").read_text())) == 18


def test_errors_that_go_elsewhere_leave_a_terminal_without_bars(folder: Path) -> None:
    status, shown = in_terminal("$SER predict corpus missing.wav 2> errors.txt")
    assert status == 1
    assert not BAR.search(shown)
    assert shown.count("corpus/wav/") == 18
    assert (folder / "errors.txt").read_text().startswith("ser: missing.wav: ")


def test_pipes_have_no_bars_and_no_colours(folder: Path) -> None:
    done = commands.run("predict", "corpus")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) == 19


def test_standard_input_is_a_sound(folder: Path) -> None:
    sound = (folder / "speech.wav").read_bytes()
    (row,) = json.loads(commands.run("predict", "-", "--format", "json", stdin=sound).stdout)
    expected = ser.load_model("production", registry="model").predict("speech.wav")
    assert (row["file"], row["emotion"]) == ("-", expected.emotion)
    assert row["confidence"] == expected.confidence


def test_a_reader_that_leaves_is_no_reason_to_complain(folder: Path) -> None:
    # More rows than a pipe holds.
    names = ["speech.wav", *(f"{number}.wav" for number in range(2_000))]
    for form in ("table", "json", "csv"):
        process = subprocess.Popen(
            [*commands.COMMAND, "predict", *names, "--format", form],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=commands.environment(),
        )
        assert process.stdout
        assert process.stderr
        process.stdout.read(1)
        process.stdout.close()
        errors = process.stderr.read().decode()
        process.stderr.close()
        assert process.wait(commands.SECONDS) == 1
        assert "Traceback" not in errors
        assert "pipe" not in errors.lower()


def test_a_reader_that_never_came_is_no_reason_to_complain(bounds: Path) -> None:
    # So little is written that it leaves at the end.
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as output:
        done = subprocess.run(
            [*commands.COMMAND, "recipe", "light"],
            stdout=output,
            stderr=subprocess.PIPE,
            check=False,
            timeout=commands.SECONDS,
            env=commands.environment(PYTHONUNBUFFERED=""),
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_an_interrupt_is_quiet(folder: Path) -> None:
    process = subprocess.Popen(
        [*commands.COMMAND, "predict", "speech.wav", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=commands.environment(),
    )
    # Once more is written than a pipe holds, it is reading, and waits for the end.
    assert process.stdin
    process.stdin.write(bytes(2**20))
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=commands.SECONDS)
    assert (process.returncode, output, errors) == (130, b"", b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(shell: str) -> None:
    done = commands.run(stdin=b"", _SER_COMPLETE=f"source_{shell}")
    assert done.returncode == 0
    assert b"_SER_COMPLETE" in done.stdout
    assert b"ser" in done.stdout


def test_completion_names_subcommands_and_options() -> None:
    def completed(line: str) -> list[str]:
        words = line.split(" ")
        variables = {
            "_SER_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        return commands.run(stdin=b"", **variables).stdout.decode().split()

    assert completed("ser mod") == ["models"]
    assert {"promote", "rollback", "sweep"} <= {*completed("ser models ")}
    assert {"--format", "--model", "--url"} <= {*completed("ser predict --")}
    assert completed("ser predict --format ") == ["table", "json", "csv"]


def test_the_version_is_that_of_the_package() -> None:
    assert commands.run("--version").stdout.decode() == f"ser {ser.__version__}\n"


def test_without_its_packages_the_command_says_what_to_install(bounds: Path) -> None:
    (bounds / "sitecustomize.py").write_text("import sys; sys.modules['typer'] = None\n")
    path = os.pathsep.join([str(bounds), commands.environment()["PYTHONPATH"]])
    done = commands.run("--help", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "ser: The command needs further packages: pip install 'ser[cli]'\n"
    )
