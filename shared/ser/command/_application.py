"""The subcommands of the command. Each module imports the library only when it is used."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import ser
from ser.command import (
    _compare,
    _doctor,
    _evaluate,
    _features,
    _keys,
    _models,
    _predict,
    _recipe,
    _serve,
    _train,
)
from ser.command._examples import examples

application = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("ser predict speech.wav", "ser models list --registry model"),
)


def show_version(wanted: bool) -> None:
    """Print the version and exit, if it is ``wanted``."""
    if wanted:
        sys.stdout.write(f"ser {ser.__version__}\n")
        raise typer.Exit


@application.callback()
def describe(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Emotions in speech: predict them, and train, compare, keep and serve models.

    Exit status: 0 if all was done, 1 if something failed, 2 for wrong arguments.
    """


for module in (
    *(_predict, _train, _evaluate, _compare, _features),
    *(_models, _keys, _recipe, _serve, _doctor),
):
    module.register(application)
