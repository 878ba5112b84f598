"""Rows on standard output as a table, as JSON or as CSV, one after the other as they come."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol, TextIO

from ser._csv import row as row_of
from ser.command import _bars
from ser.command._options import Format, ShortFormat


class Column(NamedTuple):
    """A column of a table."""

    name: str
    width: int
    """Longer values are written in full, and move those that follow."""
    title: str = ""


class Rows(Protocol):
    """Writes rows."""

    def write(self, row: Mapping[str, Any]) -> None: ...

    def end(self) -> None: ...


class TableRows:
    """A table with aligned columns, for readers of a terminal."""

    def __init__(self, output: TextIO, columns: Sequence[Column]) -> None:
        self._output, self._columns = output, columns
        self._put([(column.title or column.name) for column in columns])

    def write(self, row: Mapping[str, Any]) -> None:
        self._put([shown(row.get(column.name)) for column in self._columns])

    def end(self) -> None:
        pass

    def _put(self, cells: Sequence[str]) -> None:
        padded = [
            cell + " " * max(0, column.width - width_of(cell))
            for cell, column in zip(cells, self._columns, strict=True)
        ]
        self._output.write("  ".join(padded).rstrip() + "\n")


class JsonRows:
    """An array of objects, one on each line."""

    def __init__(self, output: TextIO) -> None:
        from msgspec.json import Encoder

        self._output, self._separator, self._encoder = output, "[", Encoder()

    def write(self, row: Mapping[str, Any]) -> None:
        self._output.write(f"{self._separator}\n{self._encoder.encode(row).decode()}")
        self._separator = ","

    def end(self) -> None:
        self._output.write("[]\n" if self._separator == "[" else "\n]\n")


class CsvRows:
    """Comma-separated values (RFC 4180) with a header; objects become columns."""

    def __init__(self, output: TextIO, names: Sequence[str]) -> None:
        self._output, self._names = output, names
        self._output.write(row_of(names))

    def write(self, row: Mapping[str, Any]) -> None:
        flat = flattened(row)
        self._output.write(row_of(flat.get(name) for name in self._names))

    def end(self) -> None:
        pass


@contextmanager
def rows(form: Format, columns: Sequence[Column], names: Sequence[str]) -> Iterator[Rows]:
    """Yield a writer of rows to standard output.

    In a terminal with bars the rows follow once the bars are complete.

    Parameters
    ----------
    columns
        Columns of a table.
    names
        Columns of CSV.
    """
    waits = _bars.are_shown() and sys.stdout.isatty()
    output: TextIO = io.StringIO() if waits else sys.stdout
    writer: Rows
    if form is Format.JSON:
        writer = JsonRows(output)
    elif form is Format.CSV:
        writer = CsvRows(output, names)
    else:
        writer = TableRows(output, columns)
    try:
        yield writer
        writer.end()
    finally:
        if isinstance(output, io.StringIO):
            sys.stdout.write(output.getvalue())


def print_object(form: ShortFormat, facts: Mapping[str, Any], lines: Sequence[str]) -> None:
    """Print one object: as JSON, or as ``lines``."""
    if form is ShortFormat.JSON:
        from msgspec import json

        text = json.format(json.encode(facts)).decode()
    else:
        text = "\n".join(lines)
    sys.stdout.write(f"{text}\n")


def flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``row`` with ``name.key`` in place of each object, and lists as text."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{key}": each for key, each in value.items()}
        elif isinstance(value, list | tuple):
            flat[name] = " ".join(map(str, value))
        else:
            flat[name] = value
    return flat


def shown(value: object) -> str:
    """Return ``value`` as a cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    # Names of files may hold line breaks and control characters.
    return "".join(each if each.isprintable() else "?" for each in str(value))


def width_of(text: str) -> int:
    """Return the number of cells of a terminal that ``text`` takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
