"""What is public, and what importing it costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ser

HEAVY = {
    *("tensorflow", "keras", "librosa", "numba", "scipy", "sklearn", "xgboost", "onnx", "spox"),
    *("skl2onnx", "onnxmltools", "tf2onnx", "matplotlib", "boto3", "joblib", "dask", "distributed"),
}


LAYERS = (
    {"errors", "labels", "progress", "settings", "openapi"},
    {
        "schemas",
        "access",
        "archives",
        "audio",
        "metadata",
        "parallel",
        "registry",
        "sessions",
        "terminal",
    },
    {"http", "sources", "events", "frontends", "augmentation", "degradation", "speaker_profile"},
    {"uploads", "transfer", "graph"},
    {"corpora", "classifiers"},
    {"dataset", "evaluation", "model"},
    {"training", "inference"},
    {"jobs"},
)
"""The modules and packages of ``ser``, from the ground up."""


def imports(file: Path) -> set[str]:
    """Modules of ``ser`` that ``file`` imports anywhere, by the first name below ``ser``."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "ser":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ser."):
            names.add((node.module or "").split(".")[1])
    return names


def test_imports_point_one_way() -> None:
    rank = {name: level for level, names in enumerate(LAYERS) for name in names}
    package = Path(ser.__file__).parent
    found = set()
    for file in sorted(package.rglob("*.py")):
        module = file.relative_to(package).parts[0].removesuffix(".py")
        if module == "__init__":
            continue
        found.add(module)
        upward = {n for n in imports(file) - {module} if rank[n] >= rank[module]}
        assert not upward, f"{file.relative_to(package)} imports {upward}"
    assert found == set(rank)


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after ``statement``."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


def test_the_public_names() -> None:
    assert ser.__all__ == ["Dataset", "Model", "open_registry"]
    assert all(getattr(ser, name).__doc__ for name in ser.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Datasett'"):
        ser.Datasett  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import ser",
        "import ser.http, ser.inference, ser.uploads",
        "import ser.training.request, ser.training.process",
        "import ser.jobs.delivery, ser.jobs.description, ser.jobs.handover",
        "import ser; ser.Dataset",
    ],
)
def test_servers_load_nothing_heavy(statement: str) -> None:
    assert not loaded_by(statement) & HEAVY


def test_predict_needs_no_onnxruntime_before_the_first_model() -> None:
    assert "onnxruntime" not in loaded_by("import ser.http, ser.inference, ser.uploads")


def test_a_random_forest_is_trained_without_tensorflow() -> None:
    statement = """
import numpy
from ser.classifiers import RandomForestClassifier
X = numpy.random.default_rng(0).normal(size=(20, 4)).astype("float32")
RandomForestClassifier(n_estimators=2).fit(X, numpy.arange(20) % 2, random_state=0).to_onnx()
"""
    assert not loaded_by(statement) & {"tensorflow", "keras", "xgboost"}
