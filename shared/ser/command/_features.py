"""``ser features``: named features of sounds as a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ser.command import _bars
from ser.command._examples import examples

if TYPE_CHECKING:
    from ser import Features

BATCH = 256
"""Sounds whose features are in memory at once."""
CSV, PARQUET = ".csv", ".parquet"
Write = Callable[["Features", Sequence[str]], None]


class Level(StrEnum):
    """The rows of a file."""

    FUNCTIONALS = "functionals"
    DESCRIPTORS = "descriptors"


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "features",
        epilog=examples(
            "ser features corpus --output features.csv",
            "ser features corpus --output frames.parquet --level descriptors",
        ),
    )(features)


def output_file(value: Path) -> Path:
    """Return ``value`` if its name ends with a format that can be written."""
    if value.suffix.lower() not in (CSV, PARQUET):
        raise typer.BadParameter(f"{str(value)!r} has another format; allowed: {CSV}, {PARQUET}")
    return value


def features(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Sounds, folders with sounds, or patterns.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", callback=output_file, help="A file *.csv or *.parquet to write."
        ),
    ],
    level: Annotated[
        Level,
        typer.Option(help="A row for each sound, or for each frame of 10 ms."),
    ] = Level.FUNCTIONALS,
) -> None:
    """Write the named features of sounds to a file, in rows that begin with the name of the sound.

    Rows of frames have their time in seconds as the second column.
    """
    import ser
    from ser.command._sounds import named_sounds

    sounds = named_sounds(files)
    with opened(output) as write, _bars.count("features", len(sounds)) as advance:
        remaining = iter(sounds)
        while batch := [*islice(remaining, BATCH)]:
            with naming(batch):
                found = ser.features([sound.content for sound in batch], level=level.value)
            write(found, [sound.name for sound in batch])
            advance(len(batch))


@contextmanager
def naming(batch: Sequence[Any]) -> Iterator[None]:
    """Name the sound in place of its index in the faults of a batch."""
    from ser.errors import Fault, InvalidInput

    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(
            *(
                Fault((batch[loc[0]].name, *loc[1:]), msg)
                if loc and isinstance(loc[0], int)
                else Fault(loc, msg)
                for loc, msg in error.faults
            )
        ) from error


@contextmanager
def opened(output: Path) -> Iterator[Write]:
    """Yield a function that appends features; the file appears at its place once it is complete."""
    partial = output.with_name(f".{output.name}.part")
    kind = parquet_writer if output.suffix.lower() == PARQUET else csv_writer
    try:
        with kind(partial) as write:
            yield write
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def csv_writer(file: Path) -> Iterator[Write]:
    """Yield a function that appends features to a file of comma-separated values."""
    import csv

    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, lineterminator="\n")
        begun = False

        def write(found: Features, names: Sequence[str]) -> None:
            nonlocal begun
            columns = keys_of(found, names)
            if not begun:
                writer.writerow([*columns, *found.names])
                begun = True
            keys = zip(*columns.values(), strict=True)
            for key, values in zip(keys, found.array.tolist(), strict=True):
                writer.writerow([*key, *(f"{value:.9g}" for value in values)])

        yield write


@contextmanager
def parquet_writer(file: Path) -> Iterator[Write]:
    """Yield a function that appends features to a Parquet file, a row group at a time."""
    import pyarrow
    from pyarrow import parquet

    writer = None

    def write(found: Features, names: Sequence[str]) -> None:
        nonlocal writer
        columns: dict[str, Any] = keys_of(found, names)
        columns |= {name: found.array[:, place] for place, name in enumerate(found.names)}
        table = pyarrow.table(columns)
        if writer is None:
            writer = parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)

    try:
        yield write
    finally:
        if writer is not None:
            writer.close()


def keys_of(found: Features, names: Sequence[str]) -> dict[str, list[Any]]:
    """Return the columns that say which sound, and which time in it, each row belongs to."""
    assert found.sounds is not None
    columns: dict[str, list[Any]] = {"file": [names[index] for index in found.sounds]}
    if found.times is not None:
        columns["seconds"] = found.times.tolist()
    return columns
