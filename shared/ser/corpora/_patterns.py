"""Regular expressions of users, which are searched in the paths of sounds.

RE2 searches in time proportional to the length of the path, with bounded memory, so that no
expression can block a training. Therefore it has neither lookaround nor backreferences.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from ser._schemas import shown
from ser.errors import InvalidInput


def check_pattern(pattern: str | None) -> str | None:
    """Return ``pattern``; raise :class:`InvalidInput` unless it is an expression with a group."""
    if pattern is not None and not compile_pattern(pattern).groups:
        raise InvalidInput(
            f"{shown(pattern)} has no group; allowed: an expression such as '(spk[0-9]+)/'"
        )
    return pattern


def first_group(pattern: str, file: PurePosixPath) -> str:
    """Return the first group of ``pattern`` in the path ``file``; empty if it is not found."""
    match = compile_pattern(pattern).search(str(file))
    return (match[1] or "") if match else ""


def compile_pattern(pattern: str) -> Any:
    """Return ``pattern`` as an expression of RE2; the library keeps those of the last calls."""
    import re2  # Only trainings need it.

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        raise InvalidInput(
            f"{shown(pattern)} is not a regular expression of RE2: "
            f"{reason.decode(errors='replace') if isinstance(reason, bytes) else reason}; "
            "allowed: an expression such as '(spk[0-9]+)/', without lookaround and backreferences"
        ) from error
