"""Fixtures of the tests of deployments."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from clones import Clone, make_clone
from stacks import Client, serving


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone of the repository, with small images."""
    return make_clone(tmp_path)


@pytest.fixture(scope="package")
def stack() -> Iterator[Client]:
    """Both functions behind the gateway, in place of deployed ones."""
    with serving() as client:
        yield client


@pytest.fixture
def buildah(clone: Clone, tmp_path: Path) -> dict[str, str]:
    """The options and variables with which the real buildah can build here."""
    if shutil.which("buildah") is None:
        pytest.skip("buildah is missing")
    storage = (
        f'[storage]\ndriver = "vfs"\nrunroot = "{tmp_path}/run"\ngraphroot = "{tmp_path}/images"\n'
    )
    (tmp_path / "storage.conf").write_text(storage)
    return {
        "ENGINE": "buildah",
        "BUILDAH_ISOLATION": "chroot",
        "CONTAINERS_STORAGE_CONF": str(tmp_path / "storage.conf"),
    }
