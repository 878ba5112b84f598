"""The parts of the build that pyproject.toml cannot describe: copies of both functions, and files
of onnxruntime-web for the page.

The functions are in ``functions/`` of the clone, where each has requirements of its own. ``ser
serve`` runs the copies where the package is installed without a clone. The files for the page come
from npm, unless they are there; without npm the package is built without them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CLONE = Path(__file__).resolve().parents[1]
FUNCTIONS = CLONE / "functions"
RUNTIME = CLONE / "infra" / "page" / "runtime.py"


class BuildWithFunctions(build_py):
    """Builds the package with the functions that are beside it."""

    def run(self) -> None:
        """Build, and copy the functions; an editable package uses those of the clone."""
        if not self.editable_mode and RUNTIME.is_file():
            subprocess.run([sys.executable, str(RUNTIME)], check=True)
            self.__dict__.pop("data_files", None)  # may have been listed before
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "ser", "command", "functions")
        for source in sorted(FUNCTIONS.glob("*/main.py")):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / f"{source.parent.name}.py")


setup(cmdclass={"build_py": BuildWithFunctions})
