"""How well a recipe recognises the emotions of speakers it never heard: figures and a report.

``CORPUS`` names a zip archive or a folder, ``MODEL_TYPE`` the recipe, and ``REQUEST`` a file with
further fields of POST /train. The model and its report go to ``SER_MODEL_SAVE_PATH``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ser.classifiers import MODEL_TYPES, RECIPE
from ser.errors import SerError
from ser.service.bodies import decode_object
from ser.service.problems import kind_of
from ser.service.settings import Settings
from ser.service.training.process import TrainingProcesses
from ser.service.training.request import read_train_request
from stack import ROOT

# What a corpus calls things is text, whatever it looks like.
console = Console(highlight=False, markup=False)


def main() -> None:
    """Evaluate what the environment names."""
    corpus, request = os.environ.get("CORPUS"), os.environ.get("REQUEST")
    if not corpus:
        sys.exit("Name a corpus: make evaluate CORPUS=<zip or folder> [MODEL_TYPE=...]")
    if not Path(corpus).exists():
        sys.exit(f"CORPUS={corpus} does not exist.")
    if request and not Path(request).is_file():
        sys.exit(f"REQUEST={request} is no file.")
    try:
        fields = decode_object(Path(request).read_bytes()) if request else {}
        evaluate(Path(corpus), fields)
    except SerError as error:
        sys.exit(f"{kind_of(error).title}: {error.detail}")
    except KeyboardInterrupt:
        sys.exit("Stopped.")


def evaluate(corpus: Path, fields: dict[str, Any]) -> None:
    """Train and evaluate, publish the model with its report, and print the figures.

    ``fields`` are those of POST /train that the environment does not name. Without any, all types
    are compared on the features of our recipe, whole utterances each.
    """
    model_type = os.environ.get("MODEL_TYPE") or fields.get("model_type") or RECIPE
    if not fields and model_type != RECIPE:
        fields = {**MODEL_TYPES[RECIPE].request_defaults, "dataset_augmentation": {}}
    place = os.environ.get("SER_MODEL_SAVE_PATH") or str(ROOT / "model")
    with tempfile.TemporaryDirectory() as folder, archive_of(corpus) as archive:
        os.environ["SER_ALLOWED_PATHS"] = os.pathsep.join([folder, str(archive), place])
        body = {
            **fields,
            "model_type": model_type,
            "data_path": folder,
            "remote_url": str(archive),
            "model_save_path": place,
            "evaluation": "full",
        }
        request = read_train_request(body, Settings.from_environment())
        show(TrainingProcesses().run(request, limit=1), model_type, place)


@contextmanager
def archive_of(corpus: Path) -> Iterator[Path]:
    """Yield the archive that ``corpus`` is, or that holds the files of that folder meanwhile."""
    if not corpus.is_dir():
        yield corpus.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / f"{corpus.resolve().name}.zip"
        with zipfile.ZipFile(archive, "w", strict_timestamps=False) as zipped:
            for file in sorted(corpus.rglob("*")):
                zipped.write(file, file.relative_to(corpus))
        yield archive


def show(trained: dict[str, Any], model_type: str, place: str) -> None:
    """Print the figures of ``trained``, the answer of a training."""
    loso = trained["loso"]
    print_figures(f"{model_type}, each speaker left out once", loso)
    print_table(
        "Recall of each emotion",
        ("emotion", "utterances", "recall", "precision"),
        (
            (label, str(s["support"]), share(s["recall"]), share(s["precision"]))
            for label, s in loso["per_class"].items()
        ),
    )
    for title, field in (("speaker", "per_speaker"), ("gender", "per_gender")):
        rows = ((name, share(uar)) for name, uar in loso[field].items())
        print_table(f"UAR of each {title}", (title, "UAR"), rows)
    print_table(
        "Sounds of the speaker enrolled, and not judged",
        ("sounds", "UAR", "same sounds, nothing enrolled"),
        (
            (str(e["clips"]), f"{e['uar']:.3f} ± {e['deviation']:.3f}", share(e["without"]))
            if e["clips"]
            else ("all (judged too)", share(e["uar"]), share(e["without"]))
            for e in trained["enrolment"]
        ),
    )
    print_table(
        "Degraded sounds",
        ("sound", "UAR", "lost"),
        ((name, share(d["uar"]), share(d["lost"])) for name, d in trained["degraded"].items()),
    )
    if texts := trained.get("leave_one_text_out"):
        print_figures("Each text left out once, speakers known", texts)
    console.print(trained["chosen"] or "No recipes were compared to choose this one.")
    for note in trained["notes"]:
        console.print(f"Note: {note}")
    console.print(f"{len(trained['rejected'])} sounds were rejected; the report names them.")
    console.print(f"It took {sum(trained['seconds'].values()):.0f} s: {trained['seconds']}")
    console.print(f"Report: {place}/{trained['model_id']}/report.html", soft_wrap=True)


def print_figures(title: str, metrics: dict[str, Any]) -> None:
    deviation = metrics.get("uar_deviation")
    console.print(
        f"{title}: UAR {metrics['uar']:.3f}"
        + (f" (deviation over speakers {deviation:.3f})" if deviation is not None else "")
        + f", WA {metrics['wa']:.3f}, macro-F1 {metrics['macro_f1']:.3f}, "
        f"expected calibration error {metrics['ece']:.3f}"
    )


def print_table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    if table.row_count:
        console.print(table)


def share(value: float) -> str:
    return f"{value:.3f}"


if __name__ == "__main__":
    main()
