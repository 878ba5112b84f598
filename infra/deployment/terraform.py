"""Terraform on one of our roots, with a state for each deployment, account and region."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from deployment.commands import output_of, run


class Terraform:
    """The configuration in ``root`` as ``workspace`` has it.

    A workspace keeps apart what is deployed under other names, to other accounts and regions:
    nothing is ever compared with the state of somewhere else. It works the same with states on
    this machine and in a backend.
    """

    def __init__(self, root: Path, workspace: str, variables: Mapping[str, str]) -> None:
        self._command = ["terraform", f"-chdir={root}"]
        self._workspace = workspace
        self._variables = dict(variables)

    def open(self) -> None:
        """Fetch the providers and choose the workspace."""
        run([*self._command, "init", "-input=false"])
        run([*self._command, "workspace", "select", "-or-create", self._workspace])

    def apply(self, variables: Mapping[str, str], *options: str) -> None:
        """Make what there is what the configuration says."""
        run([*self._command, "apply", *self._options(variables), *options])

    def destroy(self, variables: Mapping[str, str], *options: str) -> None:
        """Delete what there is."""
        run([*self._command, "destroy", *self._options(variables), *options])

    def resources(self) -> list[str]:
        """Return the addresses of what there is."""
        state = msgspec.json.decode(output_of([*self._command, "show", "-json"]))
        found = state.get("values", {}).get("root_module", {}).get("resources", [])
        return [each["address"] for each in found if each["mode"] == "managed"]

    def outputs(self) -> dict[str, str]:
        """Return what the configuration tells of what there is."""
        told = msgspec.json.decode(output_of([*self._command, "output", "-json"]))
        return {name: output["value"] for name, output in told.items()}

    def _options(self, variables: Mapping[str, str]) -> list[str]:
        chosen = {**self._variables, **variables}
        options = ["-input=false", "-auto-approve"]  # we have asked already
        if not sys.stdout.isatty():
            options.append("-no-color")
        return options + [f"-var={name}={value}" for name, value in chosen.items()]
