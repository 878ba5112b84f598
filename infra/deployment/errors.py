"""What a deployment ends with when it does not succeed."""

from __future__ import annotations


class DeploymentError(Exception):
    """Something is missing, was refused or failed; the message is for whoever typed the command."""
