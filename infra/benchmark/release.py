"""An earlier state of this project, which ours is compared with."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from benchmark.contest import Contestant, NotMeasuredError
from benchmark.rows import BEFORE
from benchmark.servers import framework
from benchmark.trials import run
from benchmark.workplace import Workplace
from stack import ROOT

BASE = "76e21edc5d7bb7a80f631c0e0006552848974a27"
"""The commit before models were fitted from sums, for as long as there is no release."""


class Release(NamedTuple):
    """An unpacked commit."""

    name: str
    folder: Path

    @classmethod
    def unpack(cls, folder: Path) -> Release:
        """Unpack the commit that ``RELEASE`` names to ``folder``.

        Without ``RELEASE`` it is the newest tag that is not on the present commit, or without any
        tag :data:`BASE`.

        Raises
        ------
        NotMeasuredError
            There is no such commit, as in a clone without history.
        """
        name = os.environ.get("RELEASE") or newest_tag() or BASE
        folder.mkdir(parents=True)
        archive = folder / "release.tar"
        if git("archive", f"--output={archive}", name, "--", "functions", "shared") is None:
            raise NotMeasuredError(
                f"RELEASE={name} cannot be read; allowed: a commit or tag of this clone"
            )
        shutil.unpack_archive(archive, folder)
        return cls(name[:12], folder)

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        """Environment variables by which Python imports the package of this commit."""
        return (("PYTHONPATH", str(self.folder / "shared")),)

    def contestant(self, place: Workplace) -> Contestant:
        """Train its own model, and return its function."""
        registry = place.registries / "before"
        arguments = {"corpus": str(place.archive), "registry": str(registry), "preset": "light"}
        trained = run("train", arguments, dict(self.environment))
        model = registry / trained.answer["model_id"]
        return Contestant(
            BEFORE,
            framework(self.folder / "functions" / "predict" / "main.py", "predict"),
            model=model,
            environment=self.environment,
        )


def newest_tag() -> str:
    """Return the newest tag before the present commit; an empty string without one."""
    return git("describe", "--tags", "--abbrev=0", "HEAD^") or ""


def git(*arguments: str) -> str | None:
    """Return what Git prints about this clone, or ``None`` if it fails."""
    program = shutil.which("git")
    if program is None:
        return None
    command = [program, "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout.strip()
