"""The public names of the package, and the cost of importing it."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import ser

PUBLIC = {
    *("Model", "Prediction", "Features", "SpeakerProfile", "load_model", "features"),
    *("DomainProfile", "Timeline", "Segment", "Turn", "Listening"),
    *("train", "evaluate", "Evaluation", "Dataset", "Label", "Source"),
    *("open_registry", "Registry", "Client"),
    *("SerError", "InvalidInput", "NotFound", "Conflict", "TooLarge", "RemoteFailed", "errors"),
}
ERRORS = {"SerError", "InvalidInput", "NotFound", "Conflict", "TooLarge", "RemoteFailed", "errors"}

HEAVY = {
    *("tensorflow", "keras", "librosa", "numba", "scipy", "sklearn", "xgboost", "onnx", "spox"),
    *("skl2onnx", "onnxmltools", "tf2onnx", "matplotlib", "boto3", "joblib", "dask", "distributed"),
    "pyarrow",
}


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules in a fresh interpreter after ``statement``."""
    script = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return {name.partition(".")[0] for name in json.loads(run.stdout)}


def test_the_public_names_are_these() -> None:
    assert set(ser.__all__) == PUBLIC
    assert ser.__all__ == sorted(ser.__all__)
    assert set(dir(ser)) == PUBLIC | {"__version__"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Datasett'"):
        ser.Datasett  # noqa: B018


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_has_a_docstring(name: str) -> None:
    assert getattr(ser, name).__doc__


@pytest.mark.parametrize("name", sorted(PUBLIC - ERRORS))
def test_a_public_name_has_an_example(name: str) -> None:
    # The examples run in tests/test_doctests.py.
    assert ">>> " in getattr(ser, name).__doc__


@pytest.mark.parametrize("owner", ["Model", "Registry"])
def test_the_public_methods_of_the_main_classes_have_docstrings(owner: str) -> None:
    methods = {name for name in vars(getattr(ser, owner)) if not name.startswith("_")}
    assert methods
    assert not [name for name in methods if not getattr(getattr(ser, owner), name).__doc__]


PACKAGES = [
    info.name
    for info in pkgutil.walk_packages([str(Path(ser.__file__).parent)], "ser.")
    # The modules of the service are for its two functions alone, which name them.
    if info.ispkg and not info.name.startswith("ser.service")
]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_its_names_and_all_of_them_exist(package: str) -> None:
    module = import_module(package)
    names = vars(module).get("__all__")
    assert names is not None
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.startswith("_") or not hasattr(module, name)]


@pytest.mark.parametrize(
    "statement",
    [
        "import ser",
        "import ser; ser.load_model, ser.Model, ser.Features, ser.open_registry",
        "import ser.service.http, ser.service.inference, ser.service.bodies",
        "import ser.service.training.request, ser.service.training.process",
        "import ser.service.jobs.delivery, ser.service.jobs.handover",
        # predict describes both functions where they share an address.
        "import ser.service.openapi, ser.service.inference.routes, ser.service.training.routes",
        "import ser; ser.Dataset",
    ],
)
def test_servers_load_nothing_heavy(statement: str) -> None:
    assert not loaded_by(statement) & HEAVY


def test_the_package_alone_loads_neither_numpy_nor_onnxruntime() -> None:
    assert not loaded_by("import ser; dir(ser)") & {"numpy", "onnxruntime", "msgspec", "botocore"}


def test_the_command_shows_its_help_without_the_library() -> None:
    loaded = loaded_by("from ser.command._application import application; application")
    assert not loaded & {"numpy", "onnxruntime", "msgspec", "botocore", "httpx", "rich", "csv"}


def test_the_client_loads_neither_models_nor_servers() -> None:
    loaded = loaded_by("import ser; ser.Client('http://localhost:5000')")
    assert not loaded & (HEAVY | {"onnxruntime", "werkzeug", "botocore"})


@pytest.mark.parametrize(
    "statement",
    [
        "import ser.service.http, ser.service.inference, ser.service.bodies",
        "import ser; ser.open_registry('model')",
    ],
)
def test_onnxruntime_is_loaded_with_the_first_model_only(statement: str) -> None:
    assert "onnxruntime" not in loaded_by(statement)


def test_a_random_forest_is_trained_without_tensorflow() -> None:
    statement = """
import numpy
from ser.classifiers import RandomForestClassifier
X = numpy.random.default_rng(0).normal(size=(20, 4)).astype("float32")
RandomForestClassifier(n_estimators=2).fit(X, numpy.arange(20) % 2).to_onnx()
"""
    assert not loaded_by(statement) & {"tensorflow", "keras", "xgboost"}
