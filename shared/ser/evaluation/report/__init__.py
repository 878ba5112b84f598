"""The report of a model or an evaluation: one HTML page with its figures and its origin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ser.evaluation.report import plots
from ser.evaluation.report.card import card, markdown, names_of, recorded_at
from ser.evaluation.report.sounds import data_urls
from ser.evaluation.report.table import predictions_csv

__all__ = ["data_urls", "markdown", "plots", "predictions_csv", "recipe_history", "render"]

MAX_SPEAKERS = 24
"""Maximum number of speakers in a plot."""
PLACES = ("data_path", "model_save_path", "remote_url")
"""Fields of a request that are left out, since they describe the machine, not the model."""
RECIPE_CORPUS = "emodb"
"""The corpus on which the defaults of the classifiers were chosen."""


def render(manifest: Mapping[str, Any], sounds: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Return the report of the model with ``manifest``, one HTML file in UTF-8.

    The page works without a network and has no scripts. Sections without data in the manifest are
    left out, such as the metrics of a model in the report of an evaluation. Equal manifests give
    equal bytes. ``sounds`` are data URLs by the names of utterances, see :func:`data_urls`.
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
        figure="{:z.3f}".format,
        percent="{:.0%}".format,
        signed="{:+.1f}".format,
        hardest=hardest_speakers,
        recalls=recalls,
        as_text=as_text,
        recorded_at=recorded_at,
        without=without,
    )
    page = environment.get_template("report.html").render(
        manifest=manifest,
        emotions=names_of(manifest),
        history=recipe_history(manifest),
        places=PLACES,
        sounds=sounds,
        card=card(manifest),
    )
    return page.encode()


def recipe_history(manifest: Mapping[str, Any]) -> str:
    """Return the sentence on the choice of the defaults, if made on a corpus of ``manifest``."""
    corpora = manifest.get("corpora") or [{"corpus": manifest["corpus"]["name"]}]
    is_chosen_here = any(each["corpus"] == RECIPE_CORPUS for each in corpora)
    history: str = manifest.get("chosen", "") if is_chosen_here else ""
    return history


def hardest_speakers(per_speaker: Mapping[str, float]) -> dict[str, float]:
    """Return at most :data:`MAX_SPEAKERS` speakers with the lowest recalls, in ascending order."""
    ordered = sorted(per_speaker.items(), key=lambda item: item[1])
    return dict(ordered[:MAX_SPEAKERS])


def recalls(
    per_class: Mapping[str, Mapping[str, float]], emotions: Mapping[str, str]
) -> dict[str, float]:
    """Return the recall of each class that occurs, by its name in ``emotions``."""
    return {
        emotions[name]: scores["recall"] for name, scores in per_class.items() if scores["support"]
    }


def as_text(value: object) -> str:
    """Return a string unchanged, and any other value as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def without(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return ``values`` without the entries ``names``."""
    return {name: value for name, value in values.items() if name not in names}
