"""Projects of Node.js with packages from npm."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL_SECONDS = 120
UNREACHABLE = ("ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH")
"""Codes of npm's errors where there is no registry."""


def install(source: Path, project: Path) -> Path:
    """Copy the files of ``source`` to the folder ``project``, and install its packages.

    The test is skipped if npm is missing or reaches no registry.
    """
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is missing")
    for file in source.iterdir():
        if file.is_file():
            shutil.copy(file, project)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        installed = subprocess.run(
            command, cwd=project, capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip("npm's registry does not answer")
    if installed.returncode and any(code in installed.stderr for code in UNREACHABLE):
        pytest.skip("npm's registry is not reached")
    assert installed.returncode == 0, installed.stderr
    return project
