"""The compose file of the local stack, as an engine reads it without environment variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import yaml

from stack import ROOT

FILE = ROOT / "infra" / "local" / "compose.yaml"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def read() -> dict[str, Any]:
    """Return the content, with every variable replaced by its default."""
    text = VARIABLE.sub(lambda variable: variable[2], FILE.read_text())
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def environment(service: str, places: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of ``service``, with each ``host:port`` in ``places`` replaced by its
    real address."""
    variables: dict[str, str] = read()["services"][service]["environment"]
    for address, real in places.items():
        variables = {name: value.replace(address, real) for name, value in variables.items()}
    return variables
