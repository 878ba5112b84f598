"""The locks: complete, hash-pinned, and what ``make lock`` makes of their inputs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from clients import ROOT

LOCKS = (
    "tests/requirements.txt",
    "functions/train/requirements.txt",
    "functions/train/requirements-encoders.txt",
    "functions/predict/requirements.txt",
    "functions/predict/requirements-containers.txt",
    "infra/benchmark/alternatives/requirements.txt",
    "docs/requirements.txt",
)
FUNCTIONS = [lock for lock in LOCKS if lock.startswith("functions/") and "encoders" not in lock]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "shared" / "pyproject.toml").read_text())["project"]


def entries(lock: str) -> dict[str, list[str]]:
    """Return the entries of a lock, each requirement with its hashes, by the name of the package;
    a package with versions for several platforms has several."""
    lines = (ROOT / lock).read_text().replace("\\\n", "").splitlines()
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.strip() and not line.lstrip().startswith("#"):
            name = canonicalize_name(Requirement(line.partition(" --hash")[0]).name)
            found.setdefault(name, []).append(line)
    return found


def pinned(lock: str) -> set[str]:
    """Return the names and versions in a lock."""
    lines = [line for each in entries(lock).values() for line in each]
    return {line.split()[0] for line in lines}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_has_one_version_and_hashes(lock: str) -> None:
    assert entries(lock)
    for lines in entries(lock).values():
        for line in lines:
            assert re.match(r"[\w.-]+==\S+", line), line
            assert HASH.search(line), line


@pytest.mark.parametrize("lock", FUNCTIONS)
def test_a_function_ships_the_versions_that_the_tests_run_with(lock: str) -> None:
    assert pinned(lock) <= pinned("tests/requirements.txt")


def test_every_input_is_satisfied() -> None:
    wanted = [*PROJECT["dependencies"]]
    for extra in PROJECT["optional-dependencies"].values():
        wanted += extra
    inputs = (ROOT / "tests" / "requirements.in").read_text().splitlines()
    wanted += [text for line in inputs if (text := line.partition("#")[0].strip())]
    locked = entries("tests/requirements.txt")
    for requirement in map(Requirement, wanted):
        lines = locked[canonicalize_name(requirement.name)]
        versions = [re.match(r"[\w.-]+==(\S+)", line) for line in lines]
        assert any(found and found[1] in requirement.specifier for found in versions), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index(lock: str) -> None:
    assert not re.search(r"^-|://", re.sub("#.*", "", (ROOT / lock).read_text()), re.MULTILINE)


@pytest.mark.parametrize(
    "file", ["Makefile", "infra/images/install.sh", "infra/container/Dockerfile"]
)
def test_every_lock_is_installed_with_its_hashes_required(file: str) -> None:
    text = (ROOT / file).read_text().replace("\\\n", "")
    commands = re.findall(r"^.*pip\"? install.*$", text, re.MULTILINE)
    with_locks = [each for each in commands if re.search(r"requirement|-r ", each)]
    assert with_locks
    for command in with_locks:
        assert "--require-hashes" in command


@pytest.mark.parametrize("folder", ["infra/page", "tests/typescript", "tests/onnxruntime-web"])
def test_packages_of_npm_have_hashes(folder: str) -> None:
    packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    fetched = {name: each for name, each in packages.items() if name and not each.get("link")}
    assert fetched
    assert all(each["integrity"].startswith("sha512-") for each in fetched.values())


@pytest.mark.parametrize(
    "file", ["infra/images/Dockerfile", "infra/container/Dockerfile", "infra/local/compose.yaml"]
)
def test_base_images_are_pinned_by_digest_and_alike(file: str) -> None:
    text = (ROOT / file).read_text()
    bases = re.findall(r"(?:ARG |: \$\{)(?:BASE|ADAPTER)(?:=|:-)([^\s}]+)", text)
    assert bases
    assert all(re.fullmatch(r".+:[\w.-]+@sha256:[0-9a-f]{64}", base) for base in bases)
    expected = re.search("ARG BASE=(.+)", (ROOT / "infra" / "images" / "Dockerfile").read_text())
    assert expected is not None
    assert bases[0] == expected[1]


def test_make_lock_makes_the_locks_of_their_inputs(tmp_path: Path) -> None:
    copy, venv = tmp_path / "clone", Path(sys.prefix)
    inputs = (
        *("tests/requirements.in", "infra/benchmark/alternatives/requirements.in"),
        "docs/requirements.in",
    )
    for file in (*LOCKS, *inputs, "shared/pyproject.toml", "shared/ser/__init__.py", "Makefile"):
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, copy / file)
    present = ["--assume-old=init", f"--assume-old={venv}/installed"]
    command = ["make", "lock", f"VENV={venv}", *present]
    run = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=300)
    if re.search("error sending request|Failed to fetch|dns error|offline", run.stderr):
        pytest.skip("the package index does not answer")
    assert run.returncode == 0, run.stderr
    for lock in LOCKS:
        assert (copy / lock).read_text() == (ROOT / lock).read_text(), lock
