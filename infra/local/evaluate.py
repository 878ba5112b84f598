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

from ser.classifiers import MODEL_TYPES, RECIPE
from ser.errors import SerError
from ser.schemas import decode_object
from ser.training.process import TrainingProcesses
from stack import ROOT

console = Console(highlight=False)


def main() -> None:
    """Evaluate what the environment names."""
    corpus, model_type = os.environ.get("CORPUS"), os.environ.get("MODEL_TYPE") or RECIPE
    if not corpus:
        sys.exit("Name a corpus: make evaluate CORPUS=<zip or folder> [MODEL_TYPE=...]")
    for variable in ("CORPUS", "REQUEST"):
        if (path := os.environ.get(variable)) and not Path(path).exists():
            sys.exit(f"{variable}={path} does not exist.")
    try:
        evaluate(Path(corpus), model_type)
    except SerError as error:
        sys.exit(f"{error.title}: {error.detail}")


def evaluate(corpus: Path, model_type: str) -> None:
    """Train and evaluate, publish the model with its report, and print the figures."""
    place = os.environ.get("SER_MODEL_SAVE_PATH") or str(ROOT / "model")
    with tempfile.TemporaryDirectory() as folder, archive_of(corpus) as archive:
        os.environ["SER_ALLOWED_PATHS"] = os.pathsep.join([folder, str(archive), place])
        body = {
            # All types are compared on the features of the recipe, whole utterances each.
            **without(MODEL_TYPES[RECIPE].request_defaults, "dataset_augmentation"),
            **(MODEL_TYPES[model_type].request_defaults if model_type in MODEL_TYPES else {}),
            **further_fields(),
            "model_type": model_type,
            "data_path": folder,
            "remote_url": str(archive),
            "model_save_path": place,
            "evaluation": "full",
        }
        show(TrainingProcesses().run(body, limit=1), model_type, place)


def without(fields: Any, name: str) -> dict[str, Any]:
    return {field: value for field, value in fields.items() if field != name}


def further_fields() -> dict[str, Any]:
    """Return the fields of the file that ``REQUEST`` names."""
    request = os.environ.get("REQUEST")
    return decode_object(Path(request).read_bytes()) if request else {}


@contextmanager
def archive_of(corpus: Path) -> Iterator[Path]:
    """Yield the archive that ``corpus`` is, or that holds the files of that folder meanwhile."""
    if not corpus.is_dir():
        yield corpus.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / f"{corpus.resolve().name}.zip"
        with zipfile.ZipFile(archive, "w") as zipped:
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
        ("sounds", "UAR"),
        (
            (str(e["clips"]), f"{e['uar']:.3f} ± {e['deviation']:.3f}")
            if e["clips"]
            else ("all (judged too)", share(e["uar"]))
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
        table.add_row(*row)
    if table.row_count:
        console.print(table)


def share(value: float) -> str:
    return f"{value:.3f}"


if __name__ == "__main__":
    main()
