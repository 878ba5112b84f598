"""Clones of the repository to deploy from."""

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
ARG BASE=scratch
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
"""The stages of our Dockerfile without the slow steps; tests/infra/test_images.py builds the real
ones."""

RECORDING = """#!/bin/sh
case "$*" in
  info | "compose version") exit 0 ;;
  login*) cat >/dev/null ;;
esac
echo "${0##*/} $*" >>"$RECORD"
"""
"""A stand-in for an engine that cannot run here: it records its command lines and does nothing."""
SECONDS = 600
"""Time-out of a command."""


class Clone(NamedTuple):
    """A copy of the repository, and a folder of programs that come first on the path."""

    root: Path
    programs: Path
    record: Path

    def install(self, program: str, script: str = RECORDING) -> None:
        """Put ``script`` on the path as ``program``."""
        (self.programs / program).write_text(script)
        (self.programs / program).chmod(0o755)

    def recorded(self) -> list[str]:
        """Return the command lines of the recording programs."""
        return self.record.read_text().splitlines() if self.record.exists() else []

    def environment(self, **choices: str) -> dict[str, str]:
        """Return the environment variables of a command with ``choices``."""
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
        """Run ``make <arguments> <choices>`` as the Makefile does, without a terminal."""
        return subprocess.run(
            [sys.executable, "-m", "deployment", *arguments],
            env=self.environment(**choices),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def succeed(self, *arguments: str, **choices: str) -> str:
        """Run it with consent in advance, and return its output."""
        run = self.run(*arguments, YES="1", **choices)
        assert run.returncode == 0, run.stdout[-4000:] + run.stderr
        return run.stdout


def make_clone(folder: Path) -> Clone:
    """Copy the repository to ``folder``, with a small Dockerfile."""
    ignored = shutil.ignore_patterns("__pycache__", ".terraform*", "*.tfstate*")
    root = folder / "clone"
    for part in ("functions", "infra", "shared/ser"):
        shutil.copytree(ROOT / part, root / part, ignore=ignored)
    (root / "infra" / "images" / "Dockerfile").write_text(DOCKERFILE)
    programs = folder / "programs"
    programs.mkdir()
    return Clone(root, programs, folder / "record")


def tags(output: str) -> list[str]:
    """Return the tags of the images that a run announces to build."""
    return re.findall(r"^  \d\. Build ser-[a-z-]+:(\S+) with", output, flags=re.MULTILINE)
