"""The sounds that arguments name: files, folders, patterns, and standard input."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

STDIN = "-"


class Sound(NamedTuple):
    """A sound and its name in the output."""

    name: str
    content: Any
    """A path, the bytes of a file, or a signal of 16 kHz."""


def named_sounds(arguments: Iterable[str]) -> list[Sound]:
    """Return the sounds that ``arguments`` name, in their order, each once.

    A folder stands for all sounds below it, sorted. A pattern that is not the name of a file stands
    for the files that match; ``**`` matches folders of any depth.

    Raises
    ------
    NotFound
        A folder contains no sound, or nothing matches a pattern.
    """
    return [
        Sound(name, sys.stdin.buffer.read() if name == STDIN else name)
        for name in dict.fromkeys(name for each in arguments for name in names_of(each))
    ]


def names_of(argument: str) -> Iterator[str]:
    """Yield the names of the files that ``argument`` stands for."""
    from ser.errors import NotFound

    path = Path(argument)
    if argument == STDIN or path.is_file():
        yield argument
    elif path.is_dir():
        found = sorted(map(str, sounds_below(path)))
        if not found:
            raise NotFound(f"the folder {argument!r} contains no sounds")
        yield from found
    elif glob.has_magic(argument):
        # Unlike Path.glob it takes absolute patterns, and `**` for files.
        matches = map(Path, sorted(glob.glob(argument, recursive=True)))  # noqa: PTH207
        files = [str(each) for each in matches if each.is_file()]
        if not files:
            raise NotFound(f"no file matches {argument!r}")
        yield from files
    else:
        # It is reported among the results of the other sounds.
        yield argument


def sounds_below(folder: Path) -> Iterator[Path]:
    """Yield the files below ``folder`` whose names end like those of sounds."""
    from ser.sounds import SUFFIXES

    for path in folder.rglob("*"):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            yield path
