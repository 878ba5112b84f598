"""Every example in a docstring of the library runs and shows the output that it promises.

An example may use ``ser``, ``np`` and ``Path``, and the files of :func:`examples.prepare` in the
working directory, which each example gets afresh.
"""

from __future__ import annotations

import doctest
import shutil
from pathlib import Path

import numpy as np
import pytest

import ser
from examples import FLAGS, examples, prepare

EXAMPLES = examples()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    prepare(folder)
    return folder


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_shows_its_output(name: str, files: Path, tmp_path: Path) -> None:
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    test = EXAMPLES[name]
    test.globs = {"ser": ser, "np": np, "Path": Path}
    report: list[str] = []
    results = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
    assert not results.failed, "".join(report)
    assert results.attempted
