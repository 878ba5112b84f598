"""The fields of a training that options name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ser.command._options import Preset

PLACES = ("data_path", "remote_url", "model_save_path")
"""Fields of a request that arguments name instead."""


def recipe_fields(request: Path | None, options: Mapping[str, object]) -> dict[str, Any]:
    """Return the fields in the file ``request``, without places, and those of the ``options`` that
    were given, which win."""
    given = {} if request is None else read_request(request)
    fields = {name: value for name, value in given.items() if name not in PLACES}
    return fields | {name: plain(value) for name, value in options.items() if value is not None}


def read_request(file: Path) -> dict[str, Any]:
    """Return the JSON object in ``file``.

    Raises
    ------
    InvalidInput
        There is none.
    """
    import msgspec

    from ser.errors import InvalidInput

    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidInput(
            f"{str(file)!r} is not a JSON object: {error}; allowed: fields of POST /train"
        ) from error


def plain(value: object) -> object:
    """Return the value of an option as a field."""
    return value.value if isinstance(value, Preset) else value


def label_rule(text: str | None) -> str | list[str] | None:
    """Return the option --labels as the field ``labels``: ``common``, JSON, or a list."""
    from ser.corpora import COMMON

    if text is None or text == COMMON or text.startswith(("{", "[")):
        return text
    return [word.strip() for word in text.split(",") if word.strip()]


def source_of(corpora: Sequence[str]) -> str | list[str]:
    """Return the corpora as an argument of :func:`ser.train`."""
    return corpora[0] if len(corpora) == 1 else list(corpora)


def calm_libraries() -> None:
    """Let TensorFlow round alike on every machine and log less, as in the train function."""
    import os

    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
