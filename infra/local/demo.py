"""The main job, shown: a corpus goes in through train, emotions come out of predict, over HTTP."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import msgspec
import urllib3
from rich.console import Console
from rich.table import Table

from ser.classifiers import RECIPE
from ser.corpora.grammars.emodb import OFFICIAL_ARCHIVE
from ser.corpora.synthesis import synthesise
from ser.evaluation.report import plots
from ser.service.problems import from_document
from stack import ROOT, running

FOLDER = ROOT / "demo"
ANSWER_SECONDS = 3.0
"""How long the official archive is waited for before the demo goes on without it."""
SHOWN = 10
"""How many utterances the table shows."""

console = Console(markup=False)


def main() -> None:
    """Run the demo."""
    FOLDER.mkdir(exist_ok=True)
    name, archive = choose_corpus()
    roots = [str(FOLDER), os.environ.get("EMODB_ZIP", "")]
    settings = {"SER_ALLOWED_PATHS": os.pathsep.join(filter(None, roots))}
    place = {"model_save_path": str(FOLDER / "model")}
    with running(port=0, settings=settings) as stack:
        console.print(f"Both functions answer behind {stack.url}.")
        trained = post(
            f"{stack.url}/train",
            {
                # One folder for each archive: train refuses to mix them.
                "data_path": str(FOLDER / f"data-{zlib.crc32(archive.encode()):08x}"),
                "remote_url": archive,
                "model_type": RECIPE,
                "evaluation": "loso",
                **place,
            },
        )
        asked = {"model_id": trained["model_id"], "sample_name": trained["test_samples"], **place}
        predicted = post(f"{stack.url}/predict", asked)
    show(trained, predicted)
    picture = FOLDER / "confusion_matrix.png"
    picture.write_bytes(
        plots.confusion_picture(
            trained["metrics"]["confusion_matrix"],
            trained["classes"],
            f"Held-out utterances of {name}",
        )
    )
    console.print(f"The confusion matrix as a picture: {picture}", soft_wrap=True)
    report = FOLDER / "model" / trained["model_id"] / "report.html"
    console.print(f"How well it does, as a page: {report}", soft_wrap=True)


def choose_corpus() -> tuple[str, str]:
    """Return the name of the corpus and where its archive is; say which one it is."""
    if archive := os.environ.get("EMODB_ZIP"):
        console.print(f"Corpus: EmoDB, from EMODB_ZIP ({archive}).")
        return "emodb", str(Path(archive).resolve())
    try:
        # The head of the answer is enough to know that it is there; train fetches the rest.
        answer = urllib3.request(
            "HEAD", OFFICIAL_ARCHIVE, timeout=ANSWER_SECONDS, retries=urllib3.Retry(0, redirect=5)
        )
        if answer.status == 200:
            console.print(f"Corpus: EmoDB, from {OFFICIAL_ARCHIVE}.")
            return "emodb", OFFICIAL_ARCHIVE
    except urllib3.exceptions.HTTPError:
        pass
    archive = str(FOLDER / "synthetic.zip")
    console.print(
        "Corpus: synthetic speech made by this program, because EMODB_ZIP is not set and "
        f"{OFFICIAL_ARCHIVE} does not answer. Its figures say nothing about people."
    )
    if not Path(archive).exists():
        with console.status("Synthesising the corpus"):
            synthesise(Path(archive))
    return "synthetic", archive


def post(url: str, body: dict[str, Any]) -> Any:
    """Return the answer to ``body``; raise what the function says is wrong."""
    console.print(f"POST {url}")
    response = urllib3.request(
        "POST",
        url,
        body=msgspec.json.encode(body),
        headers={"Content-Type": "application/json"},
        timeout=urllib3.Timeout(connect=5, read=None),
        retries=False,
    )
    answer = msgspec.json.decode(response.data)
    if response.status != 200:
        raise from_document(answer)
    return answer


def show(trained: dict[str, Any], predicted: dict[str, Any]) -> None:
    """Print some utterances as predict judges them, and the recall of each emotion."""
    utterances = Table(title=f"{SHOWN} held-out utterances, as /predict hears them")
    for column in ("utterance", "truth", "prediction", "emotion"):
        utterances.add_column(column)
    utterances.add_column("probability", justify="right")
    columns = ("sample_name", "ground_truth", "prediction", "emotions", "probabilities")
    rows = list(zip(*(predicted[column] for column in columns), strict=True))
    for name, truth, prediction, emotion, probabilities in rows[:: len(rows) // SHOWN][:SHOWN]:
        style = "green" if truth == prediction else "red"
        probability = f"{max(probabilities.values()):.2f}"
        utterances.add_row(name, truth, prediction, emotion, probability, style=style)
    console.print(utterances)

    metrics = trained["metrics"]
    classes = Table(title=f"All {len(rows)} held-out utterances")
    classes.add_column("emotion")
    for column in ("utterances", "recall", "precision"):
        classes.add_column(column, justify="right")
    for label, scores in metrics["per_class"].items():
        precision = f"{scores['precision']:.2f}"
        classes.add_row(label, str(scores["support"]), f"{scores['recall']:.2f}", precision)
    console.print(classes)
    console.print(
        f"Unweighted average recall {metrics['uar']:.3f}, accuracy {metrics['wa']:.3f}: the same "
        "speakers were heard in training."
    )
    console.print(
        f"On speakers never heard (each left out once): unweighted average recall "
        f"{trained['loso']['uar']:.3f}, accuracy {trained['loso']['wa']:.3f}."
    )
    console.print(f"The model is {trained['model_id']}, alias latest.")
    console.print(f"The training took {sum(trained['seconds'].values()):.0f} s.")


if __name__ == "__main__":
    main()
