"""Terraform in one of our root modules, with a state for each deployment, account and region."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from deployment.commands import output_of, run


class Terraform:
    """The root module in the folder ``root``, with the state of ``workspace``.

    Each deployment, account and region has its own workspace, so that none is ever compared with
    the state of another. This holds for local states and for those in a backend.
    """

    def __init__(self, root: Path, workspace: str, variables: Mapping[str, str]) -> None:
        self._command = ["terraform", f"-chdir={root}"]
        self._workspace = workspace
        self._variables = dict(variables)

    def open(self) -> None:
        """Install the providers and select the workspace."""
        run([*self._command, "init", "-input=false"])
        run([*self._command, "workspace", "select", "-or-create", self._workspace])

    def apply(self, variables: Mapping[str, str], *options: str) -> None:
        """Apply the configuration."""
        run([*self._command, "apply", *self._options(variables), *options])

    def destroy(self, variables: Mapping[str, str], *options: str) -> None:
        """Destroy the resources in the state."""
        run([*self._command, "destroy", *self._options(variables), *options])

    def resources(self) -> list[str]:
        """Return the addresses of the resources in the state."""
        state = msgspec.json.decode(output_of([*self._command, "show", "-json"]))
        found = state.get("values", {}).get("root_module", {}).get("resources", [])
        return [each["address"] for each in found if each["mode"] == "managed"]

    def outputs(self) -> dict[str, str]:
        """Return the outputs by name."""
        outputs = msgspec.json.decode(output_of([*self._command, "output", "-json"]))
        return {name: output["value"] for name, output in outputs.items()}

    def _options(self, variables: Mapping[str, str]) -> list[str]:
        chosen = {**self._variables, **variables}
        options = ["-input=false", "-auto-approve"]  # the plan has consent already
        if not sys.stdout.isatty():
            options.append("-no-color")
        return options + [f"-var={name}={value}" for name, value in chosen.items()]
