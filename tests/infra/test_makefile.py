"""The commands of the Makefile."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from makes import make
from stacks import ROOT

MAKEFILE = (ROOT / "Makefile").read_text().replace("\\\n", " ")
ORIGINAL = {
    *("attach", "boot-app", "clean", "clean-container", "clean-docker", "clean-image"),
    *("clean-docker-full-only-in-emergency", "create-container", "init", "init-docker"),
    *("pip-freeze", "pytest", "start-container", "update-env"),
}
"""The rules of the project that this one replaces."""


def rules() -> set[str]:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert phony
    return set(phony[1].split())


def test_bare_make_describes_every_rule() -> None:
    lines = [line.split(maxsplit=1) for line in make().stdout.splitlines() if line[:2] == "  "]
    assert sorted(name for name, _ in lines) == sorted(rules())
    assert [name for name, _ in lines[:3]] == ["help", "demo", "serve"]


def test_every_rule_of_the_original_exists() -> None:
    assert rules() >= ORIGINAL


# The rules of the container, with a stand-in for its engine

ENGINE = """#!/bin/sh
echo "$*" >>"$0.log"
case $* in
  "container inspect"*) test -e "$0.container" ;;
  "image inspect"*) test -e "$0.image" ;;
  build*) touch "$0.image" ;;
  create*) touch "$0.container" ;;
  "rm "*) rm "$0.container" ;;
  "image rm "*) rm "$0.image" ;;
esac
"""
"""A stand-in for an engine: it records its command lines, and remembers one image and container."""


class Engine:
    """A recording engine called ``docker`` or ``podman``."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / name
        self.path.write_text(ENGINE)
        self.path.chmod(0o755)

    def after(self, *rules: str, **variables: str) -> list[str]:
        """Return the command lines that ``make <rules>`` gives the engine, without inspections."""
        log = self.path.with_name(f"{self.path.name}.log")
        log.write_text("")
        run = make(*rules, f"ENGINE={self.path}", *(f"{k}={v}" for k, v in variables.items()))
        assert run.returncode == 0, run.stderr
        return [line for line in log.read_text().splitlines() if " inspect " not in line]


@pytest.fixture
def docker(tmp_path: Path) -> Engine:
    return Engine(tmp_path, "docker")


def verbs(commands: list[str]) -> list[str]:
    """Return the first words of command lines, and all words of those without options."""
    return [each if "--" not in each else each.split()[0] for each in commands]


def test_attach_builds_creates_and_starts_the_container_before_it_opens_a_shell(
    docker: Engine,
) -> None:
    commands = docker.after("attach")
    starting = ["build", "create", "start ser", "exec ser make boot-app"]
    assert verbs(commands) == [*starting, "exec"]
    assert commands[-1] == "exec --interactive --tty ser bash"
    # A container that exists is not created a second time.
    assert "create" not in verbs(docker.after("attach"))


def test_the_container_mounts_the_clone_and_publishes_its_ports_on_loopback_alone(
    docker: Engine,
) -> None:
    build, create = docker.after("create-container", BASE="debian", PORT="1", JUPYTER_PORT="2")
    assert f"--build-arg OWNER={os.getuid()}:{os.getgid()}" in build
    assert "--build-arg BASE=debian" in build
    assert f"--volume {ROOT}:/ser" in create
    assert re.findall(r"--publish (\S+)", create) == ["127.0.0.1:1:5000", "127.0.0.1:2:8888"]
    (image,) = re.findall(r"--tag (\S+)", build)
    assert create.endswith(f" {image}")


def test_root_owns_the_clone_in_a_container_of_podman(tmp_path: Path) -> None:
    (build,) = Engine(tmp_path, "podman").after("init-docker")
    assert "--build-arg OWNER=0:0" in build


def test_cleaning_removes_the_container_and_the_image_if_they_exist(docker: Engine) -> None:
    assert docker.after("clean-docker") == []
    docker.after("create-container")
    assert verbs(docker.after("clean-container")) == ["rm"]
    docker.after("create-container")
    removals = docker.after("clean-docker")
    assert [each.rpartition(" ")[0] for each in removals] == ["rm --force", "image rm"]


# The environment

PYTHON = """#!/bin/sh
case $* in --version) echo Python 3.11.0; exit ;; esac
mkdir -p "$3/bin"
printf '#!/bin/sh\\n%s\\n' "$PIP" >"$3/bin/pip"
chmod +x "$3/bin/pip"
"""
"""A stand-in for Python: the environment that it makes has the ``pip`` of the variable ``PIP``."""
PIP = """
echo "Collecting tensorflow-cpu==2.20.0"
echo "  Downloading tensorflow_cpu-2.20.0.whl (266.2 MB)"
echo "Installing collected packages: tensorflow-cpu"
"""


def initialise(folder: Path, pip: str) -> subprocess.CompletedProcess[str]:
    """Run ``make init`` for an environment in ``folder``, made by stand-ins."""
    python = folder / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return make("init", VENV=str(folder / "venv"), PYTHON=str(python), PIP=pip)


def test_init_announces_its_size_and_shows_the_progress_of_the_installation(
    tmp_path: Path,
) -> None:
    run = initialise(tmp_path, PIP)
    assert run.returncode == 0, run.stderr
    assert "1.1 GB to download and 4 GB on disk" in run.stderr
    assert "tensorflow_cpu-2.20.0.whl (266.2 MB)" in run.stderr
    assert "Writing 1 packages" in run.stderr


def test_init_fails_where_an_installation_fails_and_installs_again_next_time(
    tmp_path: Path,
) -> None:
    assert initialise(tmp_path, "exit 1").returncode != 0
    assert not (tmp_path / "venv" / "installed").exists()
    assert initialise(tmp_path, PIP).returncode == 0
    assert (tmp_path / "venv" / "installed").exists()


def test_init_says_that_the_weights_of_the_encoder_are_missing_and_goes_on(tmp_path: Path) -> None:
    without_weights = 'case "$*" in *requirements-encoders*) exit 1 ;; esac'
    run = initialise(tmp_path, without_weights)
    assert run.returncode == 0, run.stderr
    assert "weights of the encoder Whisper-base were not installed" in run.stderr
    assert "make encoders" in run.stderr
    assert (tmp_path / "venv" / "installed").exists()
    assert "weights" not in initialise(tmp_path / "venv", PIP).stderr


def test_the_environment_of_another_clone_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    installed = tmp_path / "venv" / "installed"
    installed.write_text("/another/clone\n")
    os.utime(installed, (0, 0))
    run = initialise(tmp_path, PIP)
    assert run.returncode != 0
    assert "is the environment of /another/clone" in run.stderr
    assert [path.name for path in (tmp_path / "venv").iterdir()] == ["installed"]


def test_clean_keeps_corpora_models_and_the_state_of_deployments(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = {"Makefile", "data", "model", "inbox", "jobs", ".deployment"}
    for name in (*kept - {"Makefile"}, ".venv", "build", "demo", "shared/ser/__pycache__"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    assert make("clean", root=tmp_path, VENV=".venv").returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == kept | {"shared"}
    assert list((tmp_path / "shared" / "ser").iterdir()) == []
