"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

import made

# The same examples on every machine, so that failures are reproducible.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

PACKAGES = {"aws", "deployment"}
"""Folders of tests whose fixtures have the scope of a package."""


def pytest_itemcollected(item: pytest.Item) -> None:
    """Run the tests of a file in one process, since they share fixtures; see ``make test``.

    The tests of a folder whose fixtures have the scope of a package stay together too.
    """
    item.add_marker(pytest.mark.xdist_group(group_of(item.path)))


def group_of(path: Path) -> str:
    """Return the name of the group of the tests in the file ``path``."""
    return str(path.parent if path.parent.name in PACKAGES else path)


@pytest.fixture(autouse=True)
def bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a temporary folder, the only one that requests may reach."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(tmp_path))
    for setting in (
        *("SER_MODEL_SAVE_PATH", "SER_ALLOWED_BUCKETS", "SER_ALLOWED_HOSTS"),
        "SER_DASK_SCHEDULER",
    ):
        monkeypatch.delenv(setting, raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def corpus_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a small corpus: 4 speakers, 7 emotions, 2 versions."""
    return made.corpus(tmp_path_factory.mktemp("corpus") / "corpus.zip")
