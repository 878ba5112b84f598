"""Options that several subcommands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """The format of what is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class ShortFormat(StrEnum):
    """The format of a result that is not a table."""

    TABLE = "table"
    JSON = "json"


class Preset(StrEnum):
    """The presets of a training."""

    ACCURATE = "accurate"
    LIGHT = "light"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="Format of the output.")]
ShortFormatOption = Annotated[
    ShortFormat, typer.Option("--format", "-f", help="Format of the output.")
]
RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry",
        "-r",
        metavar="PLACE",
        help="Registry of models: a folder or s3://bucket/prefix. Default: SER_MODEL_SAVE_PATH, or "
        "the folder model if it exists. With --url: a registry that the server may use.",
    ),
]
PromoteIfOption = Annotated[
    float | None,
    typer.Option(
        metavar="TOLERANCE",
        min=0,
        max=1,
        help="Move the alias only if the recall of the new model is no worse than that of the "
        "one it replaces, by more than this.",
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url", envvar="SER_URL", metavar="URL", help="Ask this server, not the library."
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="SER_API_KEY",
        metavar="KEY",
        help="Key for the server. The variable keeps it out of the list of processes.",
    ),
]
SourcesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="CORPUS...",
        help="Archives, folders or CSV tables of labelled speech, or their addresses.",
        show_default=False,
    ),
]
PresetOption = Annotated[
    Preset | None, typer.Option(help="Front-ends and classifier. Default: accurate.")
]
ModelTypeOption = Annotated[
    str | None, typer.Option(metavar="TYPE", help="Classifier, such as RandomForestClassifier.")
]
CorpusOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Rules for the emotion of each file, such as emodb."),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        metavar="LIST", help="Emotions to keep, between commas, or common: those of all corpora."
    ),
]
RequestOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", exists=True, dir_okay=False, help="Further fields of POST /train, as JSON."
    ),
]
DataOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Keep the corpus and its features here.")
]
EncodersOption = Annotated[
    Path | None,
    typer.Option(
        envvar="SER_ENCODERS",
        metavar="FOLDER",
        exists=True,
        file_okay=False,
        help="Folder that is searched first for the weights of encoders.",
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--dask-scheduler",
        envvar="SER_DASK_SCHEDULER",
        metavar="ADDRESS",
        help="Cluster that does the work, tcp://host:port.",
    ),
]
