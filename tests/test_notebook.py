"""The notebook runs from a fresh clone, and its outputs agree with separate computations."""

from __future__ import annotations

import io
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from matplotlib.image import imread
from nbclient import NotebookClient
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import recall_score

import ser
from ser.classifiers import MODEL_TYPES
from stacks import ROOT

NOTEBOOK = ROOT / "docs" / "report.ipynb"
PICTURES = {
    *("counts", "sound", "utterance", "melodies", "tellers"),
    *("family-recalls", "speakers", "confusion"),
}
"""The cells that show a picture of every corpus."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh clone, without a corpus."""
    clone = tmp_path_factory.mktemp("clone")
    (clone / "docs").mkdir()
    return clone


@pytest.fixture(scope="module")
def executed(clone: Path) -> Any:
    """The notebook with the outputs of all its cells."""
    notebook = stored()
    resources = {"metadata": {"path": str(clone / "docs")}}
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("EMODB_ZIP", raising=False)
        NotebookClient(notebook, timeout=600, resources=resources).execute()
    return notebook


def test_the_stored_notebook_has_no_outputs_and_no_traces_of_its_author() -> None:
    notebook = stored()
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        assert not cell.metadata, cell.id
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
    assert NOTEBOOK.read_text() == nbformat.writes(notebook) + "\n"  # type: ignore[no-untyped-call]


def test_no_cell_warns(executed: Any) -> None:
    assert [output for _, output in outputs(executed) if output.output_type == "stream"] == []


def test_every_figure_and_every_table_says_that_the_speech_is_synthetic(executed: Any) -> None:
    pictures = dict(alternative_texts(executed))
    tables = [text for text in texts(executed) if "\n| " in text]
    assert set(pictures) == PICTURES
    assert len(tables) == 3
    for text in (*pictures.values(), *tables):
        assert "(synthetic speech)" in text


def test_every_figure_holds_a_picture(executed: Any) -> None:
    for cell, output in outputs(executed):
        if picture := output.get("data", {}).get("image/png"):
            assert imread(io.BytesIO(b64decode(picture))).std() > 0.01, cell


def test_all_types_of_models_are_compared_and_do_better_than_chance(executed: Any) -> None:
    uars = recalls(executed)
    assert set(MODEL_TYPES) < set(uars)
    for model, uar in uars.items():
        assert 2 / 7 < uar < 1, model


def test_the_forest_has_the_recall_of_one_that_scikit_learn_alone_grows(
    executed: Any, clone: Path
) -> None:
    (folder,) = (clone / "demo").glob("data-*")
    archive = clone / "demo" / "synthetic.zip"
    dataset = ser.Dataset(
        folder,
        str(archive),
    )
    dataset.load(split_at=None)
    dataset.feature_extract({"Functionals": {}})
    X, y, names = dataset.get_features()
    speakers = np.array([name[:2] for name in names])
    truth, guesses = [], []
    for speaker in np.unique(speakers)[: number_of_speakers(executed)]:
        held_out = speakers == speaker
        forest = RandomForestClassifier(random_state=42, n_jobs=2).fit(X[~held_out], y[~held_out])
        truth += [*y[held_out]]
        guesses += [*forest.predict(X[held_out])]
    uar = recall_score(truth, guesses, average="macro")
    # The order in which trees are summed decides ties: about one utterance in a hundred.
    assert recalls(executed)["RandomForestClassifier"] == pytest.approx(uar, abs=0.01)


def test_the_notebook_writes_only_to_the_folder_of_the_demo(executed: Any, clone: Path) -> None:
    assert sorted(path.name for path in clone.iterdir()) == ["demo", "docs"]
    assert not any((clone / "docs").iterdir())


def stored() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def outputs(notebook: Any) -> Iterator[tuple[str, Any]]:
    """Yield each output with the name of its cell."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield cell.id, output


def texts(notebook: Any) -> list[str]:
    """Return the texts and tables that cells show."""
    shown = (output.get("data", {}).get("text/markdown") for _, output in outputs(notebook))
    return [text for text in shown if text]


def alternative_texts(notebook: Any) -> Iterator[tuple[str, str]]:
    """Yield the name of each cell with a picture, and the alternative text of the picture."""
    for cell, output in outputs(notebook):
        if "image/png" in output.get("data", {}):
            yield cell, output.metadata["image/png"]["alt"]


def comparison(notebook: Any) -> str:
    (table,) = (text for text in texts(notebook) if "| UAR |" in text)
    return table


def recalls(notebook: Any) -> dict[str, float]:
    """Return the UAR of each model in the table."""
    rows = re.findall(r"^\| (\w[^|]*) \| ([\d.]+) \|", comparison(notebook), flags=re.MULTILINE)
    return {model: float(uar) for model, uar in rows}


def number_of_speakers(notebook: Any) -> int:
    """Return the number of speakers behind the table."""
    found = re.search(r"(\d+) speakers, each left out once", comparison(notebook))
    assert found
    return int(found[1])
