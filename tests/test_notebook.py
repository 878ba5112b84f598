"""The notebook runs in a fresh clone, and uses the public interface of ``ser`` only."""

from __future__ import annotations

import ast
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
    *("counts", "durations", "utterance", "melodies", "nine-features"),
    *("family-recalls", "per-speaker", "confusion"),
}
"""Cells that show a picture of any corpus."""


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
        NotebookClient(notebook, timeout=1200, resources=resources).execute()
    return notebook


def test_it_is_stored_without_outputs_and_traces_of_its_execution() -> None:
    notebook = stored()
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    for cell in notebook.cells:
        assert not cell.metadata, cell.id
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
    assert NOTEBOOK.read_text() == nbformat.writes(notebook) + "\n"  # type: ignore[no-untyped-call]


def test_it_uses_only_public_names_of_the_package() -> None:
    tree = ast.parse(code(stored()))
    assert {name for name in imported(tree) if name.partition(".")[0] == "ser"} == {"ser"}
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "ser"
    }
    assert used
    assert used <= set(ser.__all__)


def test_it_uses_no_private_attributes() -> None:
    nodes = ast.walk(ast.parse(code(stored())))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert not {name for name in names if name.startswith("_")}


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
    uars = compared(executed)
    assert set(MODEL_TYPES) < set(uars)
    for model, uar in uars.items():
        assert 2 / 7 < uar < 1, model


def test_all_types_of_models_are_evaluated_on_the_same_features_split_and_rows(
    executed: Any,
) -> None:
    (text,) = (text for text in texts(executed) if text.startswith("The four types of classifier"))
    assert "Features: Functionals (1,415), copies: none" in text
    assert "split: each of 4 speakers left out once; rows: 140 utterances." in text


def test_the_forest_has_the_uar_of_a_forest_fitted_with_scikit_learn_alone(
    executed: Any, clone: Path
) -> None:
    demo = clone / "demo"
    dataset = ser.Dataset(demo / "few-speakers", demo / "few-speakers.zip")
    dataset.load(split_at=None)
    dataset.feature_extract({"Functionals": {}})
    X, y, names = dataset.get_features()
    speakers = np.array([name[:2] for name in names])
    true, predicted = [], []
    for speaker in np.unique(speakers):
        left_out = speakers == speaker
        forest = RandomForestClassifier(random_state=42, n_jobs=2)
        forest.fit(X[~left_out], y[~left_out])
        true += [*y[left_out]]
        predicted += [*forest.predict(X[left_out])]
    uar = recall_score(true, predicted, average="macro")
    # The graph adds the votes of the trees in another order, which can decide a tie.
    assert compared(executed)["RandomForestClassifier"] == pytest.approx(uar, abs=0.02)


def test_it_writes_to_the_folder_of_the_demo_only(executed: Any, clone: Path) -> None:
    assert sorted(path.name for path in clone.iterdir()) == ["demo", "docs"]
    assert not any((clone / "docs").iterdir())


def stored() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def code(notebook: Any) -> str:
    """Return the Python code of all cells, without the commands of IPython."""
    cells = (cell.source for cell in notebook.cells if cell.cell_type == "code")
    return re.sub(r"^%.*$", "", "\n".join(cells), flags=re.MULTILINE)


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the names of the imported modules, and of the names imported from modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def outputs(notebook: Any) -> Iterator[tuple[str, Any]]:
    """Yield each output with the name of its cell."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            yield cell.id, output


def texts(notebook: Any) -> list[str]:
    """Return the outputs in Markdown: sentences and tables."""
    found = (output.get("data", {}).get("text/markdown") for _, output in outputs(notebook))
    return [text for text in found if text]


def alternative_texts(notebook: Any) -> Iterator[tuple[str, str]]:
    """Yield the name of each cell with a picture, and the alternative text of the picture."""
    for cell, output in outputs(notebook):
        if "image/png" in output.get("data", {}):
            yield cell, output.metadata["image/png"]["alt"]


def comparison(notebook: Any) -> str:
    """Return the table that compares the models."""
    (table,) = (text for text in texts(notebook) if "| UAR |" in text)
    return table


def compared(notebook: Any) -> dict[str, float]:
    """Return the UAR of each model in the table."""
    rows = re.findall(r"^\| (\w[^|]*) \| ([\d.]+) \|", comparison(notebook), flags=re.MULTILINE)
    return {model: float(uar) for model, uar in rows}
