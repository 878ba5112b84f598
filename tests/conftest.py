"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

import made

# The same examples on every machine, so that failures are reproducible.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


SLOW = (
    "tests/acceptance/",
    "tests/infra/aws/",
    "tests/infra/deployment/",
    "tests/infra/test_benchmark.py",
    "tests/infra/test_images.py",
    "tests/page/",
    "tests/shared/ser/command/test_wheel.py",
    "tests/test_notebook.py",
    "tests/test_readme.py",
    "tests/test_readme_script.py",
)
"""Files whose tests take minutes: trainings on real corpora, deployments, images, a browser, whole
environments, and `make demo`. They start first: at the end, one process would run them while all
others wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests in :data:`SLOW`, and move them to the front."""
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Tests of one file run in one process, one after the other, since they share fixtures."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        # These also share the stand-in for AWS, of which a process has only one.
        terraform = ("tests/infra/aws/", "tests/infra/deployment/")
        return "terraform" if file.startswith(terraform) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


@pytest.fixture(autouse=True)
def bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a temporary folder, the only one that requests may reach."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SER_ALLOWED_PATHS", str(tmp_path))
    for setting in (
        *("SER_MODEL_SAVE_PATH", "SER_ALLOWED_BUCKETS", "SER_ALLOWED_HOSTS"),
        *("SER_DASK_SCHEDULER", "SER_ENCODERS", "SER_API_KEYS", "SER_OPEN", "SER_INBOX"),
        *("SER_ALLOWED_HOSTNAMES", "SER_EVENT_TOKENS"),
    ):
        monkeypatch.delenv(setting, raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def corpus_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of a small corpus: 4 speakers, 7 emotions, 2 versions."""
    return made.corpus(tmp_path_factory.mktemp("corpus") / "corpus.zip")
