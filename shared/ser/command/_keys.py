"""``ser keys``: keys of callers of a server."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ser.command._examples import examples


def register(application: typer.Typer) -> None:
    """Add the subcommands to ``application``."""
    keys = typer.Typer(no_args_is_help=True, help="Make keys of callers of a server.")
    keys.command(
        "new",
        epilog=examples(
            "ser keys new --name alice --scope predict",
            "ser keys new --name bob --scope predict,train --jobs 2 --sound 3600/hour",
        ),
    )(new)
    application.add_typer(keys, name="keys", epilog=examples("ser keys new --help"))


def new(
    name: Annotated[str, typer.Option(help="Name of the holder, who owns its jobs.")],
    scope: Annotated[
        str, typer.Option(help="What the key allows, between commas, such as predict,train.")
    ],
    jobs: Annotated[int | None, typer.Option(min=1, help="Jobs of each function at once.")] = None,
    sound: Annotated[
        str | None,
        typer.Option(metavar="QUOTA", help="Seconds of sound in a period, such as 3600/hour."),
    ] = None,
) -> None:
    """Print a new key, which is shown only now, and its line for SER_API_KEYS."""
    from ser.service.keys import SYNTAX, line_of, new_key
    from ser.service.settings import SettingsError

    quotas = {"jobs": jobs, "sound": sound}
    key = new_key()
    try:
        given = tuple(f"{field}={value}" for field, value in quotas.items() if value)
        line = line_of(key, name, scope, given)
    except SettingsError as error:
        raise typer.BadParameter(f"allowed: {SYNTAX}") from error
    sys.stdout.write(f"key:  {key}\nline: {line}\n")
    if sys.stderr.isatty():
        sys.stderr.write("The key is not stored anywhere; SER_API_KEYS takes the line.\n")
