"""The examples in docstrings, and the files they use."""

from __future__ import annotations

import ast
import doctest
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import graphs
import made
import ser
from ser.registry import open_registry

PACKAGE = Path(ser.__file__).parent
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL

FACTS: dict[str, Any] = {
    "corpus": {"name": "emodb", "utterances": 56},
    "request": {"model_type": "DiscriminantClassifier"},
    "metrics": {"uar": 0.862, "wa": 0.87},
    "loso": {"uar": 0.812, "wa": 0.82},
}
"""Facts in the manifest of the model in the examples' registry."""


def examples() -> dict[str, doctest.DocTest]:
    """Return the examples of all docstrings in the library, by dotted name."""
    parser, found = doctest.DocTestParser(), {}
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = ("ser", *file.relative_to(PACKAGE).with_suffix("").parts)
        if parts[1] == "service":
            continue
        module = ".".join(part for part in parts if part != "__init__")
        for name, docstring, line in docstrings(ast.parse(file.read_text()), module):
            test = parser.get_doctest(docstring, {}, name, str(file), line)
            if test.examples:
                found[name] = test
    return found


def docstrings(node: ast.AST, name: str) -> Iterator[tuple[str, str, int]]:
    """Yield name, docstring and line of ``node`` and of all classes and functions inside."""
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        if docstring := ast.get_docstring(node):
            yield name, docstring, node.body[0].lineno - 1
        for child in node.body:
            yield from docstrings(child, f"{name}.{getattr(child, 'name', '')}")


def prepare(folder: Path) -> None:
    """Create the files of the examples in ``folder``.

    - ``speech.wav``: a second of angry speech, 44.1 kHz, stereo;
    - ``corpus.zip`` and the folder ``corpus``: 56 utterances with names as in EmoDB;
    - ``model``: a registry with one model, to which the alias ``latest`` points;
    - ``model.onnx``: the file of that model.
    """
    mono = np.tile(made.signal("03a01Wa.wav", 44_100), 4)[:44_100]
    (folder / "speech.wav").write_bytes(made.sound(np.stack([mono, mono], axis=1), 44_100))
    with zipfile.ZipFile(made.corpus(folder / "corpus.zip")) as archive:
        archive.extractall(folder / "corpus")
    data = graphs.model(takes_domain=True, measures_familiarity=True)
    (folder / "model.onnx").write_bytes(data)
    model_id = graphs.publish(folder / "model", data, **FACTS)
    open_registry(folder / "model").move("latest", model_id)
