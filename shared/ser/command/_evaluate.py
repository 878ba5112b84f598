"""``ser evaluate``: the figures of a recipe on speakers left out of training."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ser.command import _bars
from ser.command._examples import examples
from ser.command._fields import (
    PUBLICATION,
    Typed,
    calm_libraries,
    fields_of_preset,
    ignored_fields,
    label_rule,
    needs_chunks,
    recipe_fields,
    source_of,
)
from ser.command._options import (
    CorpusOption,
    DataOption,
    EncodersOption,
    LabelsOption,
    PresetOption,
    RequestOption,
    SchedulerOption,
    ShortFormat,
    ShortFormatOption,
    SourcesArgument,
)

if TYPE_CHECKING:
    import ser
    from ser import Registry


class Evaluation(StrEnum):
    """The evaluation of a recipe."""

    LOSO = "loso"
    FULL = "full"


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "evaluate",
        epilog=examples(
            "ser evaluate corpus --preset light --report report.html",
            "ser evaluate corpus --preset light --save candidates --alias candidate",
        ),
    )(evaluate)


def evaluate(
    corpora: SourcesArgument,
    preset: PresetOption = None,
    evaluation: Annotated[
        Evaluation,
        typer.Option(help="Speakers left out (loso), or also texts, enrolment, degraded sounds."),
    ] = Evaluation.LOSO,
    report: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write a report in HTML. In a folder, or in FOLDER/, its name is that of corpora "
            "and classifier.",
        ),
    ] = None,
    save: Annotated[
        str | None,
        typer.Option(
            metavar="REGISTRY",
            help="Also train a model and publish it with this evaluation: a folder or "
            "s3://bucket/prefix.",
        ),
    ] = None,
    alias: Annotated[
        str | None,
        typer.Option(
            help="Publish the model and move this alias to it. Without --save: in the registry "
            "SER_MODEL_SAVE_PATH, or the folder model."
        ),
    ] = None,
    corpus: CorpusOption = None,
    labels: LabelsOption = None,
    model_type: Annotated[
        str | None,
        typer.Option(
            metavar="TYPE",
            help="Classifier, such as RandomForestClassifier, on the features of the preset.",
        ),
    ] = None,
    request: RequestOption = None,
    data_path: DataOption = None,
    encoders: EncodersOption = None,
    dask_scheduler: SchedulerOption = None,
    form: ShortFormatOption = ShortFormat.TABLE,
) -> None:
    """Leave each speaker of a corpus out once, train on the others, and print the figures.

    With several corpora each is also left out once. No model is published without --save or
    --alias, and no alias moves but that of --alias.
    """
    chosen = {"preset": preset, "corpus": corpus, "labels": labels, "model_type": model_type}
    places: dict[str, Any] = {
        "data_path": data_path,
        "encoders": encoders,
        "dask_scheduler": dask_scheduler,
    }
    typed = Typed(corpora, {**chosen, **places, "save": save, "alias": alias}, request)
    with typed.in_faults(), ExitStack() as stack:
        registry = destination(save, alias)
        if registry is not None and data_path is None:
            # The training uses the features of the evaluation.
            places["data_path"] = Path(stack.enter_context(TemporaryDirectory()))
        fields, notes = evaluation_fields(request, {**chosen, "labels": label_rule(labels)})
        fields["evaluation"] = evaluation.value
        for note in notes:
            print_note(form, note)
        source = source_of(corpora)
        import ser

        calm_libraries()
        with _bars.steps("evaluate") as progress:
            found = ser.evaluate(source, progress=progress, **places, **fields)
        if form is ShortFormat.TABLE:
            from ser.command.evaluation_tables import show

            show(found)
        results: dict[str, str] = {}
        if report is not None:
            results["report"] = str(found.report(report_file(report, corpora, found)))
        if registry is not None:
            results["model_id"] = publish(registry, alias, source, places, fields, found)
    print_results(form, found, results)


def evaluation_fields(
    request: Path | None, options: Mapping[str, object]
) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of the evaluation, and notes on them.

    The fields are those of ``options``, then of the file ``request``, then of the preset.
    """
    given, notes = recipe_fields(request, options), []
    fields = {name: value for name, value in given.items() if name not in PUBLICATION}
    if ignored := ignored_fields(request):
        notes.append(f"{', '.join(ignored)} of --request {request} are ignored.")
    if needs_chunks(fields):
        fields["dataset_load_split_at"] = "min"
        notes.append("features of these methods grow with the duration: utterances are cut.")
    return fields_of_preset(fields), notes


def destination(save: str | None, alias: str | None) -> Registry | None:
    """Return the registry that the model is published to; ``None`` if it is not published."""
    if save is None and alias is None:
        return None
    from ser.command._places import open_registry
    from ser.errors import within
    from ser.registry import check_alias

    if alias is not None:
        with within("alias"):
            check_alias(alias)
    with within("save"):
        registry = open_registry(save, create=True)
        registry.check_writable()
    return registry


def report_file(given: str, corpora: Sequence[str], found: ser.Evaluation) -> Path:
    """Return the file of the report: ``given``, or a file in the folder ``given``."""
    if not (given.endswith("/") or Path(given).is_dir()):
        return Path(given)
    return Path(given, f"{'+'.join(map(corpus_name, corpora))}-{found.model_type}.html")


def corpus_name(corpus: str) -> str:
    """Return the name of the corpus for a file: that of its archive, folder or table."""
    path = Path(corpus) if "://" in corpus else Path(corpus).resolve()
    stem = path.name if path.is_dir() else path.stem
    return re.sub(r"[^\w.-]+", "-", stem) or "corpus"


def publish(
    registry: Registry,
    alias: str | None,
    source: str | list[str],
    places: Mapping[str, Any],
    fields: Mapping[str, Any],
    found: ser.Evaluation,
) -> str:
    """Train the recipe on the corpus, publish the model with its evaluation, and return its id."""
    from ser._schemas import parse
    from ser.corpora import open_sources
    from ser.encoders import EncoderSources
    from ser.parallel import Workers
    from ser.training import Recipe, train_recipe

    recipe = {name: value for name, value in fields.items() if name != "dataset_force"}
    with _bars.steps("train") as progress:
        answer = train_recipe(
            parse(Recipe, recipe),
            open_sources(source, places["data_path"]),
            registry,
            aliases=[alias] if alias else [],
            evaluation=found,
            encoders=EncoderSources.of(places["encoders"]),
            workers=Workers(places["dask_scheduler"]),
            progress=progress,
        )
    model_id: str = answer["model_id"]
    return model_id


def print_note(form: ShortFormat, note: str) -> None:
    """Print a note above the tables; standard output has JSON alone."""
    output = sys.stderr if form is ShortFormat.JSON else sys.stdout
    output.write(f"Note: {note}\n")


def print_results(form: ShortFormat, found: ser.Evaluation, results: Mapping[str, str]) -> None:
    """Print the figures as JSON, or below their tables the report and the model."""
    if form is ShortFormat.JSON:
        from ser.command._output import print_object

        print_object(form, {**found.as_answer(), **results}, ())
        return
    if "report" in results:
        sys.stdout.write(f"Report: {results['report']}\n")
    if "model_id" in results:
        sys.stdout.write(f"Model {results['model_id']} was published.\n")
