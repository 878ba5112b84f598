"""``ser train``: a model from labelled speech, here or on a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ser.command import _bars
from ser.command._examples import examples
from ser.command._fields import (
    Typed,
    calm_libraries,
    condition,
    label_rule,
    recipe_fields,
    source_of,
)
from ser.command._options import (
    CorpusOption,
    DataOption,
    EncodersOption,
    KeyOption,
    LabelsOption,
    ModelTypeOption,
    PresetOption,
    PromoteIfOption,
    RegistryOption,
    RequestOption,
    SchedulerOption,
    ShortFormat,
    ShortFormatOption,
    SourcesArgument,
    UrlOption,
)
from ser.command._output import print_object


class Evaluation(StrEnum):
    """The evaluation of a model that is published."""

    HOLDOUT = "holdout"
    AUTO = "auto"
    LOSO = "loso"
    FULL = "full"


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "train",
        epilog=examples(
            "ser train corpus.zip --preset light --registry model --alias candidate",
            "ser train s3://corpora/emodb.zip --url https://ser.example",
        ),
    )(train)


def train(
    corpora: SourcesArgument,
    preset: PresetOption = None,
    registry: RegistryOption = None,
    alias: Annotated[
        str | None, typer.Option(help="An alias that moves to the model, beside latest.")
    ] = None,
    promote_if: PromoteIfOption = None,
    evaluation: Annotated[
        Evaluation | None,
        typer.Option(help="Held-out utterances, also speakers left out (loso), or all figures."),
    ] = None,
    corpus: CorpusOption = None,
    labels: LabelsOption = None,
    model_type: ModelTypeOption = None,
    request: RequestOption = None,
    data_path: DataOption = None,
    encoders: EncodersOption = None,
    dask_scheduler: SchedulerOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    form: ShortFormatOption = ShortFormat.TABLE,
) -> None:
    """Train a model on labelled speech, publish it, and print its figures.

    With --url a server trains, and the corpora are places that it can read.
    """
    chosen = {"preset": preset, "alias": alias, "corpus": corpus, "model_type": model_type}
    fields = recipe_fields(
        request,
        {
            **chosen,
            "promote_if": condition(promote_if),
            "evaluation": evaluation and evaluation.value,
            "labels": label_rule(labels),
        },
    )
    source = source_of(corpora)
    places = {"data_path": data_path, "encoders": encoders, "dask_scheduler": dask_scheduler}
    options = {**chosen, **places, "labels": labels, "registry": registry}
    with Typed(corpora, options, request).in_faults():
        if url:
            answer = train_there(url, api_key, registry, data_path, source, fields)
        else:
            answer = train_here(registry, source, {**fields, **places})
    print_object(form, answer, [*lines_of(answer)])


def train_here(
    registry: str | None, source: str | list[str], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the answer of a training on this machine."""
    import ser
    from ser.command._places import open_registry

    calm_libraries()
    with _bars.steps("train") as progress:
        return ser.train(
            source, open_registry(registry, create=True), progress=progress, **arguments
        )


def train_there(
    url: str,
    api_key: str | None,
    registry: str | None,
    data_path: Path | None,
    source: str | list[str],
    fields: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the answer of a training on the server at ``url``."""
    from ser.command._places import client_of
    from ser.training import DEFAULT_PRESET

    given = dict(fields)
    if data_path is not None:
        given["data_path"] = str(data_path)
    if "model_type" not in given:
        given.setdefault("preset", DEFAULT_PRESET)
    with client_of(url, api_key, registry) as client, _bars.steps("train") as progress:
        return client.train(source, progress=progress, **given)


def lines_of(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the figures of a training as lines."""
    yield f"model       {answer['model_id']}"
    yield f"emotions    {', '.join(answer['classes'])}"
    for title, name in (("held out", "metrics"), ("left out", "loso")):
        if figures := answer.get(name):
            yield (
                f"{title:<12}UAR {figures['uar']:.3f}, WA {figures['wa']:.3f}, "
                f"calibration error {figures['ece']:.3f}"
            )
    if answer.get("rejected"):
        yield f"rejected    {len(answer['rejected'])} files; --format json names them"
    for note in answer.get("notes", ()):
        yield f"note        {note}"
