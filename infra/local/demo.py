"""A demonstration over HTTP: train on a corpus, predict emotions, and show how good they are.

It posts ``requests/train-recipe.json``, or ``requests/train-light.json`` if the weights of the
encoder are missing, and leaves the corpus in ``demo/`` and the model in ``model/``, where all files
in ``requests/`` look for them.
"""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import urllib3
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ser._schemas import parse
from ser.corpora.grammars.emodb import LABELS, OFFICIAL_ARCHIVE
from ser.corpora.synthesis import synthesise
from ser.errors import SerError
from ser.evaluation.report import plots
from ser.fetching import FULL_ACCESS, fetch
from ser.registry import open_registry
from ser.service.problems import from_document
from ser.service.settings import Settings
from ser.service.training.request import encoder_sources
from ser.training import Recipe, with_defaults
from stack import ROOT, running

FOLDER = ROOT / "demo"
CORPUS = FOLDER / "corpus.zip"
"""The archive that ``requests/*.json`` name."""
SPEECH = FOLDER / "speech.wav"
"""A held-out utterance, for sample requests that upload a sound."""
MODELS = ROOT / "model"
"""The registry that ``requests/*.json`` name, the default of ``make serve``."""
REQUEST = ROOT / "requests" / "train-recipe.json"
LIGHT_REQUEST = ROOT / "requests" / "train-light.json"
ANSWER_SECONDS = 3.0
"""Time for the official server to answer before the demo synthesises a corpus."""
SHOWN = 10
"""Number of utterances in the table of predictions."""
EMOTIONS = {str(label): f"{label.emotion} ({label.code})" for label in LABELS}
"""By label of the HTTP answers, the English emotion with the code of the corpus."""
CODES = {label.code: EMOTIONS[str(label)] for label in LABELS}

console = Console(markup=False, highlight=False)


def main() -> None:
    """Run the demonstration."""
    # The paths in requests are relative to the root of the clone.
    os.chdir(ROOT)
    FOLDER.mkdir(exist_ok=True)
    name, archive = choose_corpus()
    provide(archive)
    models = choose_registry()
    file = choose_request()
    request = {**msgspec.json.decode(file.read_bytes()), "model_save_path": str(models)}
    roots = os.pathsep.join(map(str, (FOLDER, models)))
    # Keys of the environment are for servers that others reach.
    settings = {"SER_ALLOWED_PATHS": roots, "SER_API_KEYS": "", "SER_LOG_REQUESTS": "false"}
    with running(port=0, settings=settings) as stack:
        console.print(f"Both functions answer behind {stack.url}.")
        console.print(
            f"POST /train with {file.relative_to(ROOT)}: a model, and for the figures one more "
            "for each speaker, trained without that speaker. A minute or two."
        )
        trained = post(f"{stack.url}/train", request)
        console.print(f"POST /predict with the {len(trained['test_samples'])} held-out utterances.")
        body = {
            "model_save_path": str(models),
            "model_id": trained["model_id"],
            "sample_name": trained["test_samples"],
        }
        predicted = post(f"{stack.url}/predict", body)
    show_predictions(predicted)
    show_recalls(trained["loso"], len(trained["loso"]["per_speaker"]))
    show_figures(name, trained)
    show_files(name, trained, models / trained["model_id"])


def choose_request() -> Path:
    """Return the request of the demo, and print the reason if it has another preset."""
    preset = msgspec.json.decode(REQUEST.read_bytes())["preset"]
    recipe = parse(Recipe, with_defaults({"preset": preset}))
    try:
        recipe.dataset_feature_extract_methods.opened(encoder_sources(Settings.from_environment()))
    except SerError as error:
        console.print(f"The demo shows the preset light: {error.detail}", soft_wrap=True)
        return LIGHT_REQUEST
    return REQUEST


def choose_registry() -> Path:
    """Return the folder for the model: one where it replaces no other as ``latest``."""
    if "latest" not in open_registry(MODELS).aliases():
        return MODELS
    console.print(
        f"{MODELS.name}/ has a model `latest`, so the demo keeps its model in demo/model/."
    )
    return FOLDER / "model"


def choose_corpus() -> tuple[str, Path]:
    """Return the name of the corpus and its archive, and print which one it is."""
    if chosen := os.environ.get("EMODB_ZIP"):
        console.print(f"Corpus: EmoDB, from EMODB_ZIP ({chosen}).")
        return "EmoDB", Path(chosen)
    archive = FOLDER / "emodb.zip"
    if archive.exists():
        console.print(f"Corpus: EmoDB, from {archive}, where an earlier demo downloaded it.")
        return "EmoDB", archive
    if official_server_answers():
        console.print(f"Corpus: EmoDB, from {OFFICIAL_ARCHIVE} (40 MB).")
        try:
            download(archive)
            return "EmoDB", archive
        except SerError as error:
            console.print(f"The download failed: {error.detail}")
    archive = FOLDER / "synthetic.zip"
    console.print(
        "Corpus: synthetic speech made by this program, because EMODB_ZIP is not set and "
        f"{OFFICIAL_ARCHIVE} does not answer. Its figures say nothing about people."
    )
    if not archive.exists():
        with bars() as progress:
            task = progress.add_task("Synthesising 350 utterances", total=1.0)
            synthesise(archive, on_progress=lambda share: progress.update(task, completed=share))
    return "synthetic speech", archive


def official_server_answers() -> bool:
    """Return whether the official server has the archive."""
    try:
        answer = urllib3.request(
            "HEAD", OFFICIAL_ARCHIVE, timeout=ANSWER_SECONDS, retries=urllib3.Retry(0, redirect=5)
        )
    except urllib3.exceptions.HTTPError:
        return False
    return answer.status == 200


def download(archive: Path) -> None:
    """Download the official archive to ``archive``."""
    with bars() as progress:
        task = progress.add_task("Downloading EmoDB", total=1.0)
        fetch(
            OFFICIAL_ARCHIVE,
            archive,
            access=FULL_ACCESS,
            on_progress=lambda share: progress.update(task, completed=share),
        )


def bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f} %"))
    return Progress(*columns, TimeRemainingColumn(), console=console)


def provide(archive: Path) -> None:
    """Copy ``archive`` to :data:`CORPUS`; delete files there that another archive held."""
    if CORPUS.exists() and filecmp.cmp(archive, CORPUS, shallow=False):
        return
    shutil.rmtree(FOLDER / "data", ignore_errors=True)
    unfinished = CORPUS.with_suffix(".part")
    shutil.copyfile(archive, unfinished)
    unfinished.replace(CORPUS)


def post(url: str, body: dict[str, Any]) -> Any:
    """Return the answer to ``body``; raise the error that a problem document describes."""
    response = urllib3.request(
        "POST",
        url,
        body=msgspec.json.encode(body),
        headers={"Content-Type": "application/json"},
        timeout=urllib3.Timeout(connect=30, read=None),
        retries=False,
    )
    answer = msgspec.json.decode(response.data)
    if response.status != 200:
        raise from_document(answer)
    return answer


def show_predictions(predicted: dict[str, Any]) -> None:
    """Print a table of some utterances with their true and predicted emotions."""
    columns = ("sample_name", "ground_truth", "prediction", "probabilities")
    rows = list(zip(*(predicted[column] for column in columns), strict=True))
    table = Table(title=f"{SHOWN} of the {len(rows)} held-out utterances, as /predict answers them")
    for column in ("utterance", "true emotion", "predicted emotion"):
        table.add_column(column)
    table.add_column("probability", justify="right")
    for name, truth, prediction, probabilities in rows[:: max(1, len(rows) // SHOWN)][:SHOWN]:
        style = "green" if truth == prediction else "red"
        probability = f"{max(probabilities.values()):.2f}"
        table.add_row(name, CODES[truth], CODES[prediction], probability, style=style)
    console.print(table)


def show_recalls(metrics: dict[str, Any], speakers: int) -> None:
    """Print a table of the figures of each emotion on speakers left out of training."""
    table = Table(title=f"{speakers} speakers, each left out of training once")
    table.add_column("emotion")
    for column in ("utterances", "recall", "precision"):
        table.add_column(column, justify="right")
    for label, scores in metrics["per_class"].items():
        figures = (f"{scores[figure]:.2f}" for figure in ("recall", "precision"))
        table.add_row(EMOTIONS[label], str(scores["support"]), *figures)
    console.print(table)


def show_figures(name: str, trained: dict[str, Any]) -> None:
    """Print the overall figures, those on unknown speakers first."""
    unknown, known = trained["loso"], trained["metrics"]
    console.print(
        f"On speakers left out of training: unweighted average recall {unknown['uar']:.3f}, "
        f"accuracy {unknown['wa']:.3f} ({name}).",
        style="bold",
    )
    console.print(
        f"On {len(trained['test_samples'])} held-out utterances of speakers in the training data: "
        f"unweighted average recall {known['uar']:.3f}, accuracy {known['wa']:.3f}."
    )
    console.print(f"Training and evaluation took {sum(trained['seconds'].values()):.0f} s.")


def show_files(name: str, trained: dict[str, Any], model: Path) -> None:
    """Write a confusion matrix and a sound to try, and print the paths of all files."""
    picture = FOLDER / "confusion_matrix.png"
    picture.write_bytes(
        plots.confusion_picture(
            trained["loso"]["confusion_matrix"],
            [EMOTIONS[label] for label in trained["classes"]],
            f"Speakers left out of training, {name}",
        )
    )
    utterance = trained["test_samples"][0]
    shutil.copyfile(model / "samples" / utterance, SPEECH)
    for title, path in (
        ("Model", model / "model.onnx"),
        ("Report of its evaluation", model / "report.html"),
        ("Confusion matrix", picture),
        (f"Sound to try, {CODES[utterance[5]]}", SPEECH),
    ):
        console.print(f"{title}: {path.relative_to(ROOT)}", soft_wrap=True)
    console.print(
        "Next: `make serve`, and in another terminal, also without network:\n"
        f"  curl -F model_id=latest -F model_save_path=./{model.parent.relative_to(ROOT)} "
        f"-F audio=@{SPEECH.relative_to(ROOT)} localhost:5000/predict",
        soft_wrap=True,
    )


if __name__ == "__main__":
    try:
        main()
    except (SerError, OSError, RuntimeError) as error:
        sys.exit(str(error))
