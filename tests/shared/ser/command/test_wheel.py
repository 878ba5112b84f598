"""The wheel in an empty environment: ``pip install ser[cli]``, and a server from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

import made
import ser
from ser.errors import RemoteFailed
from stack import ROOT, end, free_port

SECONDS = 900
INSTALL = ("--disable-pip-version-check", "--quiet", "install")
FUNCTIONS = {f"ser/command/functions/{name}.py" for name in ("predict", "train")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the package, built from a copy of the clone."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("shared", "functions", "infra/page"):
        options = ["--cached", "--others", "--exclude-standard", name]
        command = ["git", "-C", str(ROOT), "ls-files", *options]
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for line in filter(None, listed.splitlines()):
            if (ROOT / line).is_file():
                (folder / line).parent.mkdir(parents=True, exist_ok=True)
                (folder / line).write_bytes((ROOT / line).read_bytes())
    runtime = Path("shared", "ser", "service", "page", "runtime")
    if (ROOT / runtime).is_dir():
        shutil.copytree(ROOT / runtime, folder / runtime)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "wheel"]
    options = ["--no-deps", "-w", str(folder), str(folder / "shared")]
    subprocess.run([*pip, *options], check=True)
    (built,) = folder.glob("ser-*.whl")
    return built


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment in which only ``ser[cli]`` is installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    pip: list[str | Path] = [
        folder / "bin" / "pip",
        "--disable-pip-version-check",
        "--quiet",
        "install",
    ]
    subprocess.run([*pip, f"{wheel}[cli]"], check=True, timeout=SECONDS)
    return folder / "bin"


def run(program: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program without the sources of the clone."""
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env=environment() | variables,
    )


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(Path.cwd()), "COLUMNS": "200"}


def test_the_wheel_holds_the_command_and_both_functions(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {*archive.namelist()}
        for name in FUNCTIONS:
            source = ROOT / "functions" / Path(name).stem / "main.py"
            assert archive.read(name) == source.read_bytes()
    assert "ser/ready/model.onnx" in names


def test_the_wheel_holds_the_page_and_what_judges_in_browsers(wheel: Path) -> None:
    page = Path(ser.__file__).parent / "service" / "page"
    expected = {
        f"ser/service/page/{each.relative_to(page)}"
        for folder in ("static", "runtime")
        for each in (page / folder).glob("*")
    }
    assert "ser/service/page/static/judge.html" in expected
    with zipfile.ZipFile(wheel) as archive:
        assert expected <= {*archive.namelist()}


def test_a_sound_is_judged_and_what_is_missing_is_named(scripts: Path, bounds: Path) -> None:
    (bounds / "speech.wav").write_bytes(made.sound(made.signal("03a01Wa.wav")))
    judged = run(scripts / "ser", "predict", "speech.wav", "--format", "csv")
    assert judged.returncode == 0, judged.stderr
    expected = ser.load_model("ready").predict("speech.wav")
    assert judged.stdout.splitlines()[1].startswith(f"speech.wav,{expected.emotion},")
    assert run(scripts / "ser", "predict", "missing.wav").returncode == 1
    assert run(scripts / "ser", "predict").returncode == 2
    trained = run(scripts / "ser", "train", ".", "--preset", "light")
    assert (trained.returncode, trained.stdout) == (1, "")
    assert "pip install 'ser[train]'" in trained.stderr
    examined = run(scripts / "ser", "doctor")
    assert examined.returncode == 0, examined.stdout
    assert "pip install 'ser[train]'" in examined.stdout


def test_a_terminal_shows_a_bar_and_completes(scripts: Path, bounds: Path) -> None:
    for name in made.names(("03",), "FT"):
        (bounds / name).write_bytes(made.sound(made.signal(name)))
    shown, status = pexpect.run(
        f"{scripts / 'ser'} predict .",
        env={**environment(), "TERM": "xterm-256color"},
        encoding="utf-8",
        withexitstatus=True,
    )
    assert status == 0, shown
    assert "━" in shown
    assert "03a01Fa.wav" in shown
    completion = run(
        scripts / "ser", _SER_COMPLETE="complete_bash", COMP_WORDS="ser mo", COMP_CWORD="1"
    )
    assert completion.stdout.split() == ["models"]


@pytest.fixture
def server(scripts: Path, wheel: Path) -> Iterator[str]:
    """The address of ``ser serve``, which serves predict alone without ser[train]."""
    installation: list[str | Path] = [scripts / "pip", *INSTALL]
    subprocess.run([*installation, f"{wheel}[http]"], check=True, timeout=SECONDS)
    port = free_port()
    command: list[str | Path] = [scripts / "ser", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment()) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            end(process)


def test_the_wheel_serves_predict(server: str) -> None:
    sound = made.sound(made.signal("03a01Wa.wav"))
    with ser.Client(server) as client:
        until = time.monotonic() + SECONDS
        while True:
            try:
                found = client.predict(sound)
                break
            except RemoteFailed:
                assert time.monotonic() < until
                time.sleep(0.2)
    assert found.emotion == ser.load_model("ready").predict(sound).emotion
