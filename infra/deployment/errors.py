"""The error of an unsuccessful deployment."""

from __future__ import annotations


class DeploymentError(Exception):
    """A requirement is missing, or a step was refused or failed; the message is for the user."""
