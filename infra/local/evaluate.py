"""Evaluation of a recipe on a corpus: figures in the terminal, and a report.

``CORPUS`` names a zip archive, a folder, or a CSV table beside its sounds, or several, separated by
spaces or commas; a path with spaces is put in quotes, or separated by commas alone. ``LABELS``
lists the emotions to keep, or is ``common`` for those that all corpora share. ``PRESET`` names the
preset, ``MODEL_TYPE`` the type of the classifier, and ``REQUEST`` a file with fields of /train. All
other fields have the values of the preset, even for another type, so that two types are
compared on the same features, split and rows. Nothing is published unless ``SAVE`` names a
registry, or ``ALIAS`` an alias.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import ser
from ser._schemas import parse
from ser.command.evaluation_tables import console, show
from ser.corpora import COMMON, open_sources
from ser.errors import InvalidInput, SerError, within
from ser.evaluation import Evaluation
from ser.frontends import FrontEnds
from ser.parallel import UnusableCluster
from ser.registry import ALIAS, ALIAS_GRAMMAR, open_registry
from ser.service.bodies import decode_object
from ser.service.problems import UnreadableRequest, kind_of
from ser.service.settings import Settings, SettingsError
from ser.service.terminal import show_progress
from ser.service.training.request import encoder_sources
from ser.training import DEFAULT_PRESET, PRESETS, Recipe, train_recipe, with_defaults
from stack import ROOT

REPORTS = ROOT / "evaluation"
PLACES = ("data_path", "remote_url", "model_save_path")
"""Fields of a request that name places; ``CORPUS`` and ``SAVE`` name them here."""
UNUSED = (*PLACES, "alias", "evaluation")
USAGE = 'Name a corpus: make evaluate CORPUS=<zip, folder or CSV table> (or several: "a.zip b.zip")'


class Choices(NamedTuple):
    """The variables of ``make evaluate``; an empty one was not given."""

    corpus: str
    preset: str
    model_type: str
    labels: str
    request: str
    save: str
    alias: str

    @classmethod
    def from_environment(cls) -> Choices:
        """Return the variables, or exit with the reason why they cannot be used."""
        chosen = cls(*(os.environ.get(name.upper(), "") for name in cls._fields))
        if not chosen.corpus.strip(" ,"):
            sys.exit(USAGE)
        for place in chosen.places:
            if not exists(place):
                sys.exit(f"CORPUS={place} does not exist. A path with spaces needs quotes.")
        if chosen.request and not Path(chosen.request).is_file():
            sys.exit(f"REQUEST={chosen.request} is not a file.")
        if chosen.alias and not ALIAS.fullmatch(chosen.alias):
            sys.exit(f"ALIAS={chosen.alias} is not a valid alias; allowed: {ALIAS_GRAMMAR}")
        return chosen

    @property
    def places(self) -> list[str]:
        """The places of the corpora; no name of an existing file is split."""
        if Path(self.corpus).exists():
            return [self.corpus]
        between_commas = [place for each in self.corpus.split(",") if (place := each.strip())]
        if all(map(exists, between_commas)):
            return between_commas
        return words_of("CORPUS", self.corpus)

    @property
    def source(self) -> str | list[str]:
        """The corpus as an argument of :func:`ser.evaluate`."""
        return self.places if len(self.places) > 1 else self.places[0]

    @property
    def label_rule(self) -> str | list[str]:
        """``LABELS`` as an argument of :func:`ser.evaluate`: ``common``, JSON, or a list."""
        if self.labels == COMMON or self.labels.startswith(("{", "[")):
            return self.labels
        return words_of("LABELS", self.labels)

    @property
    def registry(self) -> str:
        """The registry that the model is published to; empty: it is not published."""
        return self.save or (str(ROOT / "model") if self.alias else "")

    def variable(self, field: str) -> str:
        """Return the variable that sets ``field``, as it was given."""
        if field == "source":
            return f"CORPUS={self.corpus}"
        if field == "registry":
            return f"SAVE={self.registry}"
        if field in ("preset", "model_type", "labels") and (value := getattr(self, field)):
            return f"{field.upper()}={value}"
        return f"REQUEST={self.request}: {field}" if self.request else field


def exists(place: str) -> bool:
    """Return whether ``place`` is an existing path; a URL counts as one."""
    return ("://" in place and " " not in place) or Path(place).exists()


def words_of(variable: str, text: str) -> list[str]:
    """Return the words of ``text``, separated by spaces or commas unless quoted."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace += ","
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return [*lexer]
    except ValueError as error:
        sys.exit(f"{variable}={text} cannot be split: {error}")


def main() -> None:
    """Evaluate the corpus that the environment names."""
    choices = Choices.from_environment()
    # As in the train function: TensorFlow rounds alike on every machine, and logs less.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        run(choices)
    except InvalidInput as error:
        sys.exit("\n".join(message_of(choices, *fault) for fault in error.faults))
    except SerError as error:
        sys.exit(f"{kind_of(error).title}: {error.detail}")
    except (SettingsError, UnusableCluster) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped.")


def message_of(choices: Choices, loc: tuple[str | int, ...], message: str) -> str:
    """Return the text of a fault, with the variable that sets the field at the start of ``loc``."""
    if not loc:
        return message
    first, *rest = loc
    if first == "source" and rest:
        place, *rest = rest
        return f"{'.'.join([f'CORPUS={choices.places[int(place)]}', *map(str, rest)])}: {message}"
    return f"{'.'.join([choices.variable(str(first)), *map(str, rest)])}: {message}"


def run(choices: Choices) -> None:
    """Evaluate, print the figures, write the report, and publish the model if asked for."""
    fields = recipe_fields(choices)
    settings = Settings.from_environment()
    with tempfile.TemporaryDirectory() as folder, show_progress("evaluate") as progress:
        evaluation = ser.evaluate(
            choices.source,
            **fields,
            evaluation="full",
            data_path=folder,
            encoders=settings.encoders,
            dask_scheduler=settings.dask_scheduler,
            progress=progress,
        )
        show(evaluation)
        corpora = "+".join(map(corpus_name, choices.places))
        name = f"{corpora}-{evaluation.model_type}.html"
        report = evaluation.report(REPORTS / name)
        console.print(f"Report: {report}", soft_wrap=True)
        if choices.registry:
            published = publish(choices, fields, evaluation, folder, settings)
            console.print(f"Model {published} was published to {choices.registry}", soft_wrap=True)


def recipe_fields(choices: Choices) -> dict[str, Any]:
    """Return the fields of the evaluation: those of the variables, then ``REQUEST``, then those of
    the preset."""
    given = read_request(choices.request) if choices.request else {}
    if ignored := [name for name in UNUSED if name in given]:
        note = f"Note: {', '.join(ignored)} of REQUEST={choices.request} are ignored."
        console.print(note, soft_wrap=True)
    fields = {name: value for name, value in given.items() if name not in UNUSED}
    refuse_unknown(choices, fields)
    if needs_chunks(fields):
        fields["dataset_load_split_at"] = "min"
        console.print("Note: features of these methods grow with the duration: utterances are cut.")
    chosen = {
        "preset": choices.preset,
        "model_type": choices.model_type,
        "labels": choices.labels and choices.label_rule,
    }
    fields |= {name: value for name, value in chosen.items() if value}
    return fields_of_preset(fields)


def fields_of_preset(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``fields`` with those of their preset; another ``model_type`` replaces its type."""
    name = fields.get("preset") or DEFAULT_PRESET
    preset = PRESETS.get(str(name))
    if preset is None or fields.get("model_type", preset["model_type"]) == preset["model_type"]:
        return with_defaults({**fields, "preset": name})
    of_type = ("preset", "model_type", "model_config")
    return {
        **{field: value for field, value in preset.items() if field not in of_type},
        **{field: value for field, value in fields.items() if field != "preset"},
    }


def read_request(file: str) -> dict[str, Any]:
    """Return the JSON object in ``file``, or exit with the reason why there is none."""
    try:
        return decode_object(Path(file).read_bytes())
    except UnreadableRequest as error:
        sys.exit(f"REQUEST={file} is not a JSON object. {error.detail}")


def refuse_unknown(choices: Choices, fields: Mapping[str, Any]) -> None:
    """Exit if ``fields`` holds a name that is not a field of POST /train."""
    allowed = {*Recipe.__struct_fields__, "dataset_force"} - {"evaluation"}
    if unknown := sorted({*fields} - allowed):
        sys.exit(
            f"REQUEST={choices.request}: unknown fields {', '.join(unknown)}; "
            f"allowed: {', '.join(sorted(allowed))}"
        )


def needs_chunks(fields: Mapping[str, Any]) -> bool:
    """Whether the methods in ``fields`` need utterances in chunks, and no length is given."""
    if "dataset_load_split_at" in fields or "dataset_feature_extract_methods" not in fields:
        return False
    try:
        front_ends = FrontEnds.parse(fields["dataset_feature_extract_methods"])
    except InvalidInput:
        # Refused with all other faults later.
        return False
    return not all(front_end.fixed_size for front_end in front_ends.values())


def corpus_name(corpus: str) -> str:
    """Return the name of the corpus for a file: that of its archive, folder or table."""
    path = Path(corpus).resolve() if "://" not in corpus else Path(corpus)
    stem = path.name if path.is_dir() else path.stem
    return re.sub(r"[^\w.-]+", "-", stem) or "corpus"


def publish(
    choices: Choices,
    fields: Mapping[str, Any],
    evaluation: Evaluation,
    folder: str,
    settings: Settings,
) -> str:
    """Train the recipe on the corpus, publish the model with its evaluation, and return its id."""
    recipe_only = {name: fields[name] for name in fields if name != "dataset_force"}
    recipe = parse(Recipe, {**recipe_only, "evaluation": "full"})
    with within("registry"):
        registry = open_registry(choices.registry, key=settings.model_key)
    trained = train_recipe(
        recipe,
        open_sources(choices.source, Path(folder)),
        registry,
        aliases=[choices.alias] if choices.alias else [],
        evaluation=evaluation,
        encoders=encoder_sources(settings),
    )
    model_id: str = trained["model_id"]
    return model_id


if __name__ == "__main__":
    main()
