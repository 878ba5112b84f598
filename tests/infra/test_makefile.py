"""The front door."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import ser
from stacks import ROOT

MAKEFILE = (ROOT / "Makefile").read_text().replace("\\\n", " ")
IMAGE = f"ser-container:{ser.__version__}"
CLONE = f"--volume {ROOT}:/ser"
PORTS = "--publish 127.0.0.1:5000:5000 --publish 127.0.0.1:8888:8888"
OWNER = f"{os.getuid()}:{os.getgid()}"

BUILD = f"docker build --file infra/container/Dockerfile --tag {IMAGE} --build-arg OWNER={OWNER} ."
CREATE = (
    "docker container inspect ser >/dev/null 2>&1 || "
    f"docker create --init --name ser {CLONE} {PORTS} {IMAGE}"
)
START = ["docker start ser", "docker exec ser make boot-app"]
REMOVE = "if docker container inspect ser >/dev/null 2>&1; then docker rm --force ser; fi"
REMOVE_IMAGE = f"if docker image inspect {IMAGE} >/dev/null 2>&1; then docker image rm {IMAGE}; fi"
RUNS = {
    "init-docker": [BUILD],
    "create-container": [BUILD, CREATE],
    "start-container": [BUILD, CREATE, *START],
    "attach": [BUILD, CREATE, *START, "docker exec --interactive --tty ser bash"],
    "clean-container": [REMOVE],
    "clean-image": [REMOVE, REMOVE_IMAGE],
    "clean-docker": [REMOVE, REMOVE_IMAGE],
    "clean-docker-full-only-in-emergency": ["infra/container/prune.sh docker"],
    "boot-app": ["infra/container/boot.sh"],
}
ORIGINAL = {*RUNS, "clean", "init", "pip-freeze", "pytest", "update-env"}


def rules() -> set[str]:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, flags=re.MULTILINE)
    assert phony
    return set(phony[1].split())


def would_run(*arguments: str) -> list[str]:
    """The commands of ``make -n``, each on a line."""
    # Nothing of this make reaches that one.
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    command = ["make", "--no-print-directory", "-n", *arguments]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    lines = run.stdout.replace("\\\n", " ").splitlines()
    return [" ".join(line.replace('"', "").split()) for line in lines]


def test_bare_make_prints_every_rule_with_its_line_of_help() -> None:
    run = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    helped = [line.split(maxsplit=1) for line in run.stdout.splitlines() if line.startswith("  ")]
    assert sorted(name for name, _ in helped) == sorted(rules())
    # What a newcomer looks for stands first.
    assert [name for name, _ in helped[:3]] == ["help", "demo", "serve"]


def test_every_rule_of_the_original_is_there() -> None:
    assert rules() >= ORIGINAL


@pytest.mark.parametrize("rule", RUNS)
def test_rules_of_the_container_run_the_engine_as_they_should(rule: str) -> None:
    assert would_run(rule, "ENGINE=docker") == RUNS[rule]


def test_podman_makes_its_root_of_whoever_starts_it() -> None:
    build = BUILD.replace("docker", "podman", 1).replace(OWNER, "0:0")
    assert would_run("init-docker", "ENGINE=podman") == [build]


def test_base_and_ports_of_the_container_can_be_chosen() -> None:
    chosen = ("ENGINE=docker", "BASE=debian-like", "PORT=1", "JUPYTER_PORT=2")
    build, create = would_run("create-container", *chosen)
    assert build.endswith(" --build-arg BASE=debian-like .")
    assert "127.0.0.1:1:5000 --publish 127.0.0.1:2:8888" in create


def test_clean_keeps_corpora_models_and_what_is_deployed(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    kept = {"Makefile", "data", "model", "inbox", "jobs", ".deployment"}
    for name in (*kept - {"Makefile"}, ".venv", "build", "demo", "shared/ser/__pycache__"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    subprocess.run(["make", "clean"], cwd=tmp_path, env=environment, check=True)
    assert {path.name for path in tmp_path.iterdir()} == kept | {"shared"}
    assert list((tmp_path / "shared" / "ser").iterdir()) == []
