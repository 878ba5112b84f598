"""``ser predict``: the emotions of sounds."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from ser.command import _bars
from ser.command._examples import examples
from ser.command._options import Format, FormatOption, KeyOption, RegistryOption, UrlOption
from ser.command._output import Column, rows, shown

if TYPE_CHECKING:
    from ser import Client, Model, Prediction, SerError
    from ser.command._sounds import Sound

LONGEST_NAME = 60
FIELDS = (
    *("file", "emotion", "label", "confidence", "familiarity", "speech", "too_short"),
    *("reason", "error", "model"),
)
NO_SOUND = "no sound is named; allowed: FILE..., - for standard input, or --microphone"


class Judge(NamedTuple):
    """A model in memory, or a server with one."""

    model: Model | Client
    name: str
    emotions: Sequence[str]
    """The keys of its probabilities."""
    options: Mapping[str, Any]
    """Further arguments of its methods."""


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "predict",
        epilog=examples(
            "ser predict speech.wav",
            "ser predict corpus --format csv",
            "ser predict 'corpus/**/*.wav' --format json --abstain-below 0.6",
            "ser predict speech.wav --timeline --window 1 --step 0.5",
            "cat speech.wav | ser predict - --model latest --registry model",
        ),
    )(predict)


def predict(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help="Sounds, folders with sounds, patterns, or - for standard input.",
            show_default=False,
        ),
    ] = None,
    form: FormatOption = Format.TABLE,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="NAME",
            help="An id, an alias, a file, or ready: the model that is part of the package. "
            "Default: production or latest of the registry; ready without a registry.",
        ),
    ] = None,
    registry: RegistryOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    abstain_below: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Name no emotion below this confidence, 0 to 1."),
    ] = None,
    timeline: Annotated[
        bool,
        typer.Option("--timeline", help="The emotions within each sound, window by window."),
    ] = False,
    window: Annotated[
        float, typer.Option(min=0.25, max=30, help="Length of a window in seconds.")
    ] = 2.0,
    step: Annotated[
        float, typer.Option(min=0.25, max=30, help="Distance between windows in seconds.")
    ] = 0.5,
    microphone: Annotated[
        bool, typer.Option("--microphone", help="Record a sound from the microphone.")
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=600, help="Duration of the recording.")
    ] = 5.0,
) -> None:
    """Print the emotion of each sound, with its confidence.

    A sound that cannot be judged is reported on standard error. The others are judged, and the
    exit status is 1.
    """
    if not files and not microphone:
        raise typer.BadParameter(NO_SOUND, param_hint="FILE...")
    from ser.command._sounds import named_sounds

    sounds = named_sounds(files or ())
    if microphone:
        from ser.command._microphone import record

        sounds.append(record(seconds))
    judge = server(url, api_key, registry, model) if url else local(registry, model)
    if sys.stderr.isatty():
        sys.stderr.write(f"Model: {judge.name}\n")
    if timeline:
        from ser.command._timeline import Windows, print_timelines

        failed = print_timelines(judge, sounds, form, Windows(window, step), abstain_below)
    else:
        failed = print_predictions(judge, sounds, form, abstain_below)
    if failed:
        raise typer.Exit(1)


def print_predictions(
    judge: Judge, sounds: Sequence[Sound], form: Format, abstain_below: float | None
) -> int:
    """Print a row for each sound, and return the number of those that cannot be judged."""
    failed = 0
    with (
        rows(form, columns_for(sounds), csv_names(judge)) as output,
        _bars.count("predict", len(sounds)) as advance,
    ):
        for sound, found in zip(sounds, judged(judge, sounds, abstain_below), strict=True):
            row = row_of(sound.name, found, judge.name)
            output.write(row)
            advance(1)
            if row["error"]:
                failed += 1
                sys.stderr.write(f"ser: {shown(sound.name)}: {row['error']}\n")
    return failed


def judged(
    judge: Judge, sounds: Sequence[Sound], abstain_below: float | None
) -> Iterator[Prediction | SerError]:
    """Return the predictions for ``sounds``; those of signals have the rate of the library."""
    options = {**judge.options, "abstain_below": abstain_below}
    if any(hasattr(sound.content, "__array__") for sound in sounds):
        from ser.sounds import SAMPLING_RATE

        # Only the recording is a signal.
        *files, last = (sound.content for sound in sounds)
        yield from judge.model.predict_many(files, **options)
        yield from judge.model.predict_many([last], sampling_rate=SAMPLING_RATE, **options)
        return
    yield from judge.model.predict_many((sound.content for sound in sounds), **options)


def local(registry: str | None, name: str | None) -> Judge:
    """Return the model ``name`` of the library, or the preferred one of the registry."""
    import ser
    from ser.command._places import PREFERRED, local_registry, open_registry
    from ser.registry import READY

    place = local_registry(registry)
    if name == READY or (name is None and place is None):
        model: Model = ser.load_model(READY)
        return Judge(model, READY, model.emotions, {})
    if place is None or is_address(name):
        model = ser.load_model(str(name))
        return Judge(model, str(name), model.emotions, {})
    opened = open_registry(registry)
    model_id = opened.first(PREFERRED)[1] if name is None else opened.resolve(name)
    model = opened.load(model_id)
    return Judge(model, model_id, model.emotions, {})


def is_address(name: str | None) -> bool:
    """Return whether ``name`` is the address of a model, and not a name in a registry."""
    return name is not None and ("/" in name or name.endswith(".onnx"))


def server(url: str, api_key: str | None, registry: str | None, name: str | None) -> Judge:
    """Return the server at ``url`` with its model ``name``."""
    from ser._prediction import emotion_keys
    from ser.command._places import client_of

    client = client_of(url, api_key, registry)
    # An alias that moves meanwhile does not mix the answers of two models.
    model_id = client.models.resolve(name)
    emotions = emotion_keys(client.models.labels(model_id))
    return Judge(client, model_id, emotions, {"model": model_id})


def row_of(name: str, found: Prediction | SerError, model: str) -> dict[str, Any]:
    """Return the row of a sound: the fields of its prediction, or its error."""
    from ser import SerError

    if isinstance(found, SerError):
        return {**dict.fromkeys(FIELDS), "file": name, "error": found.detail, "model": model}
    return {
        "file": name,
        "emotion": found.emotion,
        "label": found.label and found.label.code,
        "confidence": found.confidence,
        "familiarity": found.familiarity,
        "speech": found.speech,
        "too_short": found.too_short,
        "reason": found.reason,
        "error": None,
        "model": model,
        "probabilities": dict(found.probabilities),
    }


def columns_for(sounds: Iterable[Sound]) -> list[Column]:
    """Return the columns of a table for ``sounds``."""
    return [
        name_column(sounds),
        Column("emotion", 10),
        Column("confidence", 10),
        Column("familiarity", 11),
        Column("reason", 6),
    ]


def name_column(sounds: Iterable[Sound]) -> Column:
    """Return the column of the names of ``sounds``."""
    from ser.command._output import width_of

    widest = max((width_of(shown(sound.name)) for sound in sounds), default=0)
    return Column("file", min(widest, LONGEST_NAME))


def csv_names(judge: Judge) -> list[str]:
    """Return the columns of CSV."""
    return [*FIELDS, *(f"probabilities.{emotion}" for emotion in judge.emotions)]
