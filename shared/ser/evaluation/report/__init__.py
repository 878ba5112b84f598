"""The report of a model: one page that says how well it hears whom, and what it came from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ser.evaluation.report import plots

__all__ = ["plots", "render"]

HARDEST = 24
"""How many speakers a plot shows."""
PLACES = ("data_path", "model_save_path", "remote_url")
"""Fields of a request that tell of the machine, not of the model."""


def render(manifest: Mapping[str, Any]) -> bytes:
    """Return the report of the model that ``manifest`` describes: one file, HTML in UTF-8.

    The page needs no network and runs no script. What the manifest does not hold is left out;
    the same manifest always gives the same bytes.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["plots"] = plots
    environment.filters.update(
        figure="{:z.3f}".format, hardest=hardest, recalls=recalls, spelt=spelt, without=without
    )
    page = environment.get_template("report.html").render(manifest=manifest, places=PLACES)
    return page.encode()


def hardest(per_speaker: Mapping[str, float]) -> dict[str, float]:
    """Return the speakers that are heard worst, the worst first."""
    ordered = sorted(per_speaker.items(), key=lambda item: item[1])
    return dict(ordered[:HARDEST])


def recalls(per_class: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the recalls of the emotions that occur."""
    return {name: scores["recall"] for name, scores in per_class.items() if scores["support"]}


def spelt(value: object) -> str:
    """Return ``value`` as JSON, a string as it is."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def without(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return ``values`` less those called ``names``."""
    return {name: value for name, value in values.items() if name not in names}
