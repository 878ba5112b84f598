"""The compose file of the local stack, as an engine reads it where nothing is set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from stack import ROOT

FILE = ROOT / "infra" / "local" / "compose.yaml"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def read() -> dict[str, Any]:
    """Return the whole file, every variable replaced by its default."""
    text = VARIABLE.sub(lambda variable: variable[2], FILE.read_text())
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def environment(service: str, places: Mapping[str, str]) -> dict[str, str]:
    """Return what the process of ``service`` finds in its environment, where what is reached at
    ``host:port`` is at ``places["host:port"]``."""
    variables: dict[str, str] = read()["services"][service]["environment"]
    for place, real in places.items():
        variables = {name: value.replace(place, real) for name, value in variables.items()}
    return variables
