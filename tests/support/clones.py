"""A clone of the repository to deploy from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from stacks import ROOT

DOCKERFILE = """
ARG FUNCTION=predict

FROM scratch AS predict
ARG VERSION
COPY functions/predict/main.py /
LABEL org.opencontainers.image.version="${VERSION}"
HEALTHCHECK CMD ["true"]

FROM predict AS train

FROM ${FUNCTION} AS lambda
ENV FOR=lambda
"""
"""Stages like ours without what takes minutes; tests/infra/test_images.py builds the real ones."""

RECORDING = """#!/bin/sh
case "$*" in
  info | "compose version") exit 0 ;;
  login*) cat >/dev/null ;;
esac
echo "${0##*/} $*" >>"$RECORD"
"""
"""Stands in for an engine that cannot run here: it notes what it is told and does nothing."""


class Clone(NamedTuple):
    """A copy of the repository to deploy from, and a folder of programs that come first."""

    root: Path
    programs: Path
    record: Path

    def install(self, program: str, script: str = RECORDING) -> None:
        (self.programs / program).write_text(script)
        (self.programs / program).chmod(0o755)

    def recorded(self) -> list[str]:
        """What the recording programs were told."""
        return self.record.read_text().splitlines() if self.record.exists() else []

    def environment(self, **choices: str) -> dict[str, str]:
        paths = [self.root / "infra", self.root / "infra" / "local", self.root / "shared"]
        kept = ("TMPDIR", "TF_CLI_CONFIG_FILE")
        return {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.programs.parent),
            "RECORD": str(self.record),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "AWS_EC2_METADATA_DISABLED": "true",
            "CHECKPOINT_DISABLE": "1",
            **choices,
        }

    def run(self, *arguments: str, **choices: str) -> subprocess.CompletedProcess[str]:
        """Run ``make <arguments> <choices>`` as the Makefile does, where nobody can be asked."""
        return subprocess.run(
            [sys.executable, "-m", "deployment", *arguments],
            env=self.environment(**choices),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, *arguments: str, **choices: str) -> str:
        """Run it without being asked, and return what it prints."""
        run = self.run(*arguments, YES="1", **choices)
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr
        return run.stdout


def made_clone(folder: Path) -> Clone:
    ignored = shutil.ignore_patterns("__pycache__", ".terraform*", "*.tfstate*")
    root = folder / "clone"
    for part in ("functions", "infra", "shared/ser"):
        shutil.copytree(ROOT / part, root / part, ignore=ignored)
    (root / "infra" / "images" / "Dockerfile").write_text(DOCKERFILE)
    programs = folder / "programs"
    programs.mkdir()
    return Clone(root, programs, folder / "record")


def tags(output: str) -> list[str]:
    """The tags of the images that a run says it builds."""
    return re.findall(r"^  \d\. Build ser-[a-z-]+:(\S+) with", output, flags=re.MULTILINE)
