"""``ser recipe``: the fields of a preset."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ser.command._examples import examples
from ser.command._options import Preset


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "recipe", epilog=examples("ser recipe light", "ser recipe light > request.json")
    )(recipe)


def recipe(
    preset: Annotated[Preset, typer.Argument(help="The preset.")] = Preset.ACCURATE,
) -> None:
    """Print the fields of a preset as JSON: a file for --request of train and evaluate."""
    import msgspec

    from ser.training import PRESETS

    fields = {"preset": preset.value, **PRESETS[preset.value]}
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(fields)).decode() + "\n")
