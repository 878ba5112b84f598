"""The fields of a training that options name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ser.command._options import Preset

PLACES = ("data_path", "remote_url", "model_save_path")
"""Fields of a request that arguments name instead."""
ARGUMENTS = {"remote_url": "source", "model_save_path": "registry"}
"""Arguments of the library by the fields of a request that have another name."""
PUBLICATION = ("alias", "promote_if", "evaluation")
"""Fields of a request that options of an evaluation name instead."""


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


def ignored_fields(request: Path | None) -> list[str]:
    """Return the fields in the file ``request`` that an evaluation ignores."""
    given = {} if request is None else read_request(request)
    return [name for name in (*PLACES, *PUBLICATION) if name in given]


def fields_of_preset(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``fields`` with those of their preset; another ``model_type`` replaces its type.

    So two types are compared on the same features.
    """
    from ser.training import DEFAULT_PRESET, PRESETS, with_defaults

    name = fields.get("preset") or DEFAULT_PRESET
    preset = PRESETS.get(str(name))
    if preset is None or fields.get("model_type", preset["model_type"]) == preset["model_type"]:
        return with_defaults({**fields, "preset": name})
    of_type = ("preset", "model_type", "model_config")
    return {
        **{field: value for field, value in preset.items() if field not in of_type},
        **{field: value for field, value in fields.items() if field != "preset"},
    }


def needs_chunks(fields: Mapping[str, Any]) -> bool:
    """Return whether the methods in ``fields`` need chunks, and no length of them is given."""
    from ser.errors import InvalidInput
    from ser.frontends import FrontEnds

    if "dataset_load_split_at" in fields or "dataset_feature_extract_methods" not in fields:
        return False
    try:
        front_ends = FrontEnds.parse(fields["dataset_feature_extract_methods"])
    except InvalidInput:
        # Refused with all other faults later.
        return False
    return not all(front_end.fixed_size for front_end in front_ends.values())


class Typed(NamedTuple):
    """The arguments of a command, as they were typed."""

    corpora: Sequence[str]
    options: Mapping[str, object]
    """Values of the options, by the fields that they set."""
    request: Path | None
    """The file of --request."""

    @contextmanager
    def in_faults(self) -> Iterator[None]:
        """Let the faults of the context name what was typed in place of fields."""
        from ser.errors import Fault, InvalidInput

        try:
            yield
        except InvalidInput as error:
            raise InvalidInput(
                *(
                    Fault((self.source_of(*fault.loc),), fault.msg) if fault.loc else fault
                    for fault in error.faults
                )
            ) from error

    def source_of(self, field: str | int, *rest: str | int) -> str:
        """Return the argument that sets ``field``, of the library or of a request, followed by
        ``rest``."""
        field = ARGUMENTS.get(str(field), field)
        if field == "source":
            corpus = " ".join(self.corpora)
            if rest and isinstance(rest[0], int):
                corpus, rest = self.corpora[rest[0]], rest[1:]
            return ".".join(map(str, (corpus, *rest)))
        value = self.options.get(str(field))
        if value is not None:
            option = f"--{str(field).replace('_', '-')} {plain(value)}"
            return ".".join(map(str, (option, *rest)))
        path = ".".join(map(str, (field, *rest)))
        if self.request and field in read_request(self.request):
            return f"--request {self.request}: {path}"
        return path


def plain(value: object) -> object:
    """Return the value of an option as a field."""
    return value.value if isinstance(value, Preset) else value


def condition(tolerance: float | None) -> dict[str, float] | None:
    """Return the option --promote-if as the field ``promote_if``."""
    return None if tolerance is None else {"tolerance": tolerance}


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
