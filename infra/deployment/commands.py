"""Other programs, run so that whoever watches sees what is done."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence

from deployment.errors import DeploymentError


def run(command: Sequence[str], *, secret: str = "") -> None:
    """Show ``command`` and run it; ``secret`` goes to its standard input.

    Raises
    ------
    DeploymentError
        It failed; what it has to say stands above.
    """
    print(f"$ {shlex.join(command)}", flush=True)
    # Lambda takes no image with the attestations that buildx adds unasked.
    environment = {**os.environ, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
    done = subprocess.run(command, input=secret or None, text=True, env=environment, check=False)
    if done.returncode:
        raise DeploymentError(f"{shlex.join(command[:3])} ... ended with code {done.returncode}.")


def output_of(command: Sequence[str]) -> str:
    """Return what ``command`` prints.

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
    """Tell whether ``command`` is there and does not fail."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
