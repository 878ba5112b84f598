"""What is public, and what importing it costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import ser

HEAVY = {
    *("tensorflow", "keras", "librosa", "numba", "scipy", "sklearn", "xgboost", "onnx", "spox"),
    *("skl2onnx", "onnxmltools", "tf2onnx", "matplotlib", "boto3", "joblib", "dask", "distributed"),
}


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has after ``statement``."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


def test_the_public_names() -> None:
    assert ser.__all__ == ["Dataset", "Evaluation", "Model", "evaluate", "open_registry", "train"]
    assert all(getattr(ser, name).__doc__ for name in ser.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Datasett'"):
        ser.Datasett  # noqa: B018


@pytest.mark.parametrize(
    "statement",
    [
        "import ser",
        "import ser.service.http, ser.service.inference, ser.service.bodies",
        "import ser.service.training.request, ser.service.training.process",
        "import ser.service.jobs.delivery, ser.service.jobs.description, ser.service.jobs.handover",
        "import ser; ser.Dataset",
    ],
)
def test_servers_load_nothing_heavy(statement: str) -> None:
    assert not loaded_by(statement) & HEAVY


def test_predict_needs_no_onnxruntime_before_the_first_model() -> None:
    assert "onnxruntime" not in loaded_by(
        "import ser.service.http, ser.service.inference, ser.service.bodies"
    )


def test_a_random_forest_is_trained_without_tensorflow() -> None:
    statement = """
import numpy
from ser.classifiers import RandomForestClassifier
X = numpy.random.default_rng(0).normal(size=(20, 4)).astype("float32")
RandomForestClassifier(n_estimators=2).fit(X, numpy.arange(20) % 2, random_state=0).to_onnx()
"""
    assert not loaded_by(statement) & {"tensorflow", "keras", "xgboost"}
