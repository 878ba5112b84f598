"""``ser models``: the models of a folder, a bucket or a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ser.command._examples import examples
from ser.command._fields import condition
from ser.command._options import (
    Format,
    FormatOption,
    KeyOption,
    PromoteIfOption,
    RegistryOption,
    ShortFormat,
    ShortFormatOption,
    UrlOption,
)
from ser.command._output import Column, print_object, rows, shown

if TYPE_CHECKING:
    from ser.client import Models
    from ser.command._places import Catalogue

COLUMNS = (
    Column("model_id", 25, "model"),
    Column("corpora", 16),
    Column("preset", 8),
    Column("uar", 5, "UAR"),
    Column("loso_uar", 11, "left out"),
    Column("aliases", 10),
)
NAMES = ("model_id", "created", "corpora", "preset", "model_type", "uar", "loso_uar", "aliases")
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="An id, or an alias.")]
AliasOption = Annotated[str, typer.Option("--alias", "-a", help="The alias that moves.")]


def register(application: typer.Typer) -> None:
    """Add the subcommands to ``application``."""
    models = typer.Typer(no_args_is_help=True, help="Show, move, keep and delete models.")
    for name, command, example in (
        ("list", list_models, "ser models list --registry model"),
        ("show", show, "ser models show latest --registry model --format json"),
        ("promote", promote, "ser models promote latest --alias production --registry model"),
        ("rollback", rollback, "ser models rollback production --registry model"),
        ("delete", delete, "ser models delete 20261122T152630Z-f05f17da --registry model"),
        ("export", export, "ser models export latest --output latest.zip --registry model"),
        ("import", import_, "ser models import latest.zip --registry copy"),
        ("sweep", sweep, "ser models sweep --keep 10 --registry model"),
    ):
        models.command(name, epilog=examples(example))(command)
    application.add_typer(models, name="models", epilog=examples("ser models list -r model"))


def catalogue(url: str | None, api_key: str | None, registry: str | None) -> Models | Catalogue:
    """Return the models of a server, or of a registry."""
    from ser.command._places import Catalogue, client_of, open_registry

    if url:
        return client_of(url, api_key, registry).models
    return Catalogue(open_registry(registry))


def list_models(
    form: FormatOption = Format.TABLE,
    limit: Annotated[int | None, typer.Option(min=1, help="Largest number of models.")] = None,
    registry: RegistryOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
) -> None:
    """List models, newest first.

    UAR is the unweighted average recall on held-out utterances, "left out" the same on speakers
    that were left out of training.
    """
    found = [*catalogue(url, api_key, registry).list(limit=limit)]
    with rows(form, COLUMNS, NAMES) as output:
        for each in found:
            output.write(
                {
                    "model_id": each.model_id,
                    "created": each.created_at.isoformat(),
                    "corpora": each.corpora,
                    "preset": each.preset,
                    "model_type": each.model_type,
                    "uar": each.uar,
                    "loso_uar": each.loso_uar,
                    "aliases": each.aliases,
                }
            )


def show(
    name: NameArgument,
    form: ShortFormatOption = ShortFormat.TABLE,
    registry: RegistryOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
) -> None:
    """Show all that is known about a model."""
    facts = catalogue(url, api_key, registry).show(name)
    print_object(form, facts, [*lines_of(facts)])


def lines_of(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the most important facts about a model as lines."""
    for title, value in (
        ("model", facts["model_id"]),
        ("created", facts["created"]),
        ("aliases", facts["aliases"]),
        ("corpora", facts["corpora"]),
        ("preset", facts["preset"]),
        ("classifier", facts["model_type"]),
        ("emotions", facts["emotions"]),
        ("size", f"{facts['size']:,} bytes"),
        *((f"{name}", value) for name, value in facts["figures"].items()),
        *(("note", note) for note in facts["notes"]),
    ):
        yield f"{title:<12}{shown(value)}"


def promote(
    name: NameArgument,
    alias: AliasOption = "production",
    promote_if: PromoteIfOption = None,
    registry: RegistryOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
) -> None:
    """Move an alias to a model, and print its id."""
    models = catalogue(url, api_key, registry)
    model_id = models.promote(name, alias, promote_if=condition(promote_if))
    sys.stdout.write(f"{alias} -> {model_id}\n")


def rollback(
    alias: Annotated[str, typer.Argument(help="The alias that moves back.")] = "production",
    registry: RegistryOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
) -> None:
    """Move an alias back to the model before, and print its id."""
    model_id = catalogue(url, api_key, registry).rollback(alias)
    sys.stdout.write(f"{alias} -> {model_id}\n")


def delete(
    name: NameArgument,
    registry: RegistryOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
) -> None:
    """Delete a model, unless an alias points at it or would after a rollback."""
    model_id = catalogue(url, api_key, registry).delete(name)
    sys.stdout.write(f"deleted {model_id}\n")


def export(
    name: NameArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file, or a folder for it.")
    ] = Path(),
    registry: RegistryOption = None,
) -> None:
    """Write a model with all its files to one zip archive, and print its path."""
    from ser.command._places import open_registry

    sys.stdout.write(f"{open_registry(registry).export(name, output)}\n")


def import_(
    file: Annotated[Path, typer.Argument(help="A file that export has written.")],
    registry: RegistryOption = None,
) -> None:
    """Publish the model in a file of export under its id, which is printed. No alias moves."""
    from ser.command._places import open_registry

    sys.stdout.write(f"{open_registry(registry, create=True).import_(file)}\n")


def sweep(
    keep: Annotated[
        int | None,
        typer.Option(
            min=0,
            envvar="SER_KEEP_MODELS",
            help="Number of the newest models that stay beside those of aliases. Default: all.",
        ),
    ] = None,
    delete_them: Annotated[
        bool, typer.Option("--delete", help="Delete what is listed otherwise.")
    ] = False,
    registry: RegistryOption = None,
) -> None:
    """List old models that no alias leads to, and the remains of publications; delete them with
    --delete."""
    from ser.command._places import open_registry

    names = list(open_registry(registry).sweep(keep, dry_run=not delete_them))
    for name in names:
        sys.stdout.write(f"{name}\n")
    if not names:
        sys.stderr.write("There is nothing to delete.\n")
    elif not delete_them:
        sys.stderr.write("Nothing was deleted; the same command with --delete does it.\n")
