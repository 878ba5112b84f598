"""``make`` with the Python environment that runs the tests, which stays as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from stack import ROOT

SECONDS = 1800
"""Time-out of a run: trainings are slow on a busy machine."""
INHERITED = ("HOME", "PATH", "TMPDIR", "EMODB_ZIP", "EMOVO_ZIP")


def environment(root: Path = ROOT, **variables: str) -> dict[str, str]:
    """Return the environment variables of a ``make`` that runs the code of the clone ``root``."""
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "VENV": sys.prefix,
        "PYTHONPATH": str(root / "shared"),
        **variables,
    }


def make(
    *arguments: str, root: Path = ROOT, stdin: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run ``make <arguments>`` in the clone ``root``.

    The environment counts as up to date, however old it is: a test that installed packages would
    change it under all other tests, and it may serve other clones too.
    """
    deleted = {"clean", "update-env"}.intersection(arguments)
    assert not deleted or "VENV" in variables, f"{deleted} would delete the tests' environment"
    return subprocess.run(
        ["make", "--no-print-directory", f"--old-file={sys.prefix}/installed", *arguments],
        cwd=root,
        env=environment(root, **variables),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
