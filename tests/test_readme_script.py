"""The README's script does what the README says, with the packages of ser[train] alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import made
import ser
from stacks import ROOT

SECONDS = 900
README = (ROOT / "README.md").read_text()
(SCRIPT,) = re.findall(r"```python\n(import soundfile\n.*?)```", README, flags=re.DOTALL)
SOUND = "stereo-44100-hz.wav"
CHECKS = """
import json
predictions = [model.predict("stereo-44100-hz.wav")] + [
    model.predict(*soundfile.read("stereo-44100-hz.wav", dtype=dtype))
    for dtype in ("int16", "float64")
]
ids = list(ser.open_registry("model").ids())
print("CHECKS", json.dumps([[p.probabilities.array.tolist() for p in predictions], ids]))
"""
"""Appended to the script: its predictions and the ids in its registry, as JSON."""

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(name + " is no part of ser[train]", name=name)

BLOCKED = set(@blocked@)
sys.meta_path.insert(0, Blocker())
"""
"""Makes modules unavailable, as in an environment without their packages."""


def requirements_of_ser_train() -> set[str]:
    """Return the names of all distributions that ser[train] requires, directly or indirectly."""
    project = tomllib.loads((ROOT / "shared" / "pyproject.toml").read_text())["project"]
    pending = applicable([*project["dependencies"], *project["optional-dependencies"]["train"]])
    seen: set[tuple[str, str]] = set()
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        for extra in {"", *requirement.extras}:
            if (name, extra) not in seen:
                seen.add((name, extra))
                pending += applicable(distribution(name).requires or [], extra)
    return {name for name, _ in seen}


def applicable(requirements: Iterable[str], extra: str = "") -> list[Requirement]:
    """Return the requirements that hold on this platform, and with this ``extra``."""
    found = [Requirement(each) for each in requirements]
    return [each for each in found if not each.marker or each.marker.evaluate({"extra": extra})]


def modules_of_other_packages() -> set[str]:
    """Return the modules of all installed distributions that are no requirements of ser[train]."""
    required = requirements_of_ser_train()
    return {
        module
        for module, names in packages_distributions().items()
        if module != "ser" and not required & {canonicalize_name(name) for name in names}
    }


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which only ser[train] and its requirements can be imported."""
    site = tmp_path / "site"
    site.mkdir()
    blocked = sorted(modules_of_other_packages())
    (site / "sitecustomize.py").write_text(BLOCKER.replace("@blocked@", repr(blocked)))
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([str(site), str(Path(ser.__file__).parents[1])]),
    }


@pytest.fixture
def working(tmp_path: Path) -> Path:
    """The working directory of the script, with the sound; the corpus is beside it."""
    folder = tmp_path / "working"
    folder.mkdir()
    archive = os.environ.get("EMODB_ZIP") or made.corpus(tmp_path / "corpus.zip")
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(tmp_path / "emodb")
    mono = np.tile(made.signal("09a01Wa.wav", 44_100), 4)
    stereo = np.stack([mono, 0.5 * mono], axis=1)
    (folder / SOUND).write_bytes(made.sound(stereo, 44_100))
    return folder


def run(script: str, working: Path, environment: dict[str, str]) -> str:
    """Run ``script`` in ``working``, and return its output."""
    finished = subprocess.run(
        [sys.executable, "-c", script],
        cwd=working,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_the_script_has_at_most_ten_lines() -> None:
    assert len([line for line in SCRIPT.splitlines() if line.strip()]) <= 10
    assert "../emodb" in SCRIPT


def test_the_script_runs_with_the_packages_of_ser_train_alone(
    working: Path, environment: dict[str, str]
) -> None:
    output = run(SCRIPT + CHECKS, working, environment)
    shown, _, checked = output.partition("CHECKS")
    (first, *others), ids = json.loads(checked)
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-3)
    assert shown.count("Prediction(") == 3
    assert re.search(r"file +speaker +gender +text +fold +true +predicted|\[\d+ rows x", shown)
    report = (working / "report.html").read_text()
    assert "UAR" in report or "recall" in report
    assert len(ids) == 1, "evaluate published a model"
    assert {each.name for each in working.iterdir()} == {SOUND, "model", "report.html"}


def test_other_packages_cannot_be_imported(working: Path, environment: dict[str, str]) -> None:
    script = (
        "import importlib.util, pandas\n"
        "for name in ('pytest', 'moto', 'boto3', 'distributed', 'flask'):\n"
        "    try: __import__(name)\n"
        "    except ModuleNotFoundError: print(name)\n"
    )
    assert run(script, working, environment).split() == [
        *("pytest", "moto", "boto3", "distributed", "flask"),
    ]
