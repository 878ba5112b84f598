"""The part of the build that pyproject.toml cannot describe: copies of both functions.

The functions are in ``functions/`` of the clone, where each has requirements of its own. ``ser
serve`` runs the copies where the package is installed without a clone.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FUNCTIONS = Path(__file__).resolve().parents[1] / "functions"


class BuildWithFunctions(build_py):
    """Builds the package with the functions that are beside it."""

    def run(self) -> None:
        """Build, and copy the functions; an editable package uses those of the clone."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "ser", "command", "functions")
        for source in sorted(FUNCTIONS.glob("*/main.py")):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / f"{source.parent.name}.py")


setup(cmdclass={"build_py": BuildWithFunctions})
