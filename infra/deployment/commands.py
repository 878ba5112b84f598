"""Running other programs."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence

from deployment.errors import DeploymentError


def run(command: Sequence[str], *, secret: str = "") -> None:
    """Print ``command`` and run it, with ``secret`` on its standard input.

    Raises
    ------
    DeploymentError
        It failed; its own output precedes the message.
    """
    print(f"$ {shlex.join(command)}", flush=True)
    # Lambda refuses images with the attestations that buildx adds by default.
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    done = subprocess.run(command, input=secret or None, text=True, env=environment, check=False)
    if done.returncode:
        raise DeploymentError(f"{shlex.join(command[:3])} ... ended with code {done.returncode}.")


def output_of(command: Sequence[str]) -> str:
    """Return the output of ``command``.

    Raises
    ------
    DeploymentError
        It failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeploymentError(f"{shlex.join(command)} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def succeeds(command: Sequence[str]) -> bool:
    """Return whether ``command`` exists and exits with code 0."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
