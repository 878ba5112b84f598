"""``ser evaluate``: the figures of a recipe on speakers left out of training."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ser.command import _bars
from ser.command._examples import examples
from ser.command._fields import calm_libraries, label_rule, recipe_fields, source_of
from ser.command._options import (
    CorpusOption,
    DataOption,
    EncodersOption,
    LabelsOption,
    ModelTypeOption,
    PresetOption,
    RequestOption,
    SchedulerOption,
    ShortFormat,
    ShortFormatOption,
    SourcesArgument,
)


class Evaluation(StrEnum):
    """The evaluation of a recipe."""

    LOSO = "loso"
    FULL = "full"


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "evaluate",
        epilog=examples("ser evaluate corpus --preset light --report report.html"),
    )(evaluate)


def evaluate(
    corpora: SourcesArgument,
    preset: PresetOption = None,
    evaluation: Annotated[
        Evaluation,
        typer.Option(help="Speakers left out (loso), or also texts, enrolment, degraded sounds."),
    ] = Evaluation.LOSO,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report in HTML.")
    ] = None,
    corpus: CorpusOption = None,
    labels: LabelsOption = None,
    model_type: ModelTypeOption = None,
    request: RequestOption = None,
    data_path: DataOption = None,
    encoders: EncodersOption = None,
    dask_scheduler: SchedulerOption = None,
    form: ShortFormatOption = ShortFormat.TABLE,
) -> None:
    """Leave each speaker of a corpus out once, train on the others, and print the figures.

    With several corpora each is also left out once. No model is published.
    """
    options = {
        "preset": preset,
        "evaluation": evaluation.value,
        "corpus": corpus,
        "labels": label_rule(labels),
        "model_type": model_type,
    }
    fields = recipe_fields(request, options)
    import ser

    calm_libraries()
    with _bars.steps("evaluate") as progress:
        found = ser.evaluate(
            source_of(corpora),
            data_path=data_path,
            encoders=encoders,
            dask_scheduler=dask_scheduler,
            progress=progress,
            **{name: value for name, value in fields.items() if name not in ("alias", "split")},
        )
    if form is ShortFormat.JSON:
        from ser.command._output import print_object

        print_object(form, found.as_answer(), ())
    else:
        from ser.command.evaluation_tables import show

        show(found)
    if report is not None:
        found.report(report)
