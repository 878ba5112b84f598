"""Failures of a folder: full disks, crashes, permissions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

import pytest

from ser.errors import InvalidInput
from ser.registry import new_model_id, open_registry
from ser.store import open_store

ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
MODEL_ID = new_model_id()

PUBLISH = f"""
import resource, signal, sys
from ser.errors import StorageFull
from ser.registry import open_registry

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(signal.SIGXFSZ, getattr(signal, sys.argv[2]))
try:
    files = {{"model.onnx": b"fits", "samples/a.wav": bytes(1001)}}
    open_registry(sys.argv[1]).publish("{MODEL_ID}", files, {{}})
except StorageFull as error:
    print(error)
"""


def publish_too_much(folder: Path, on_signal: str) -> subprocess.CompletedProcess[str]:
    """Publish a model whose second file exceeds the limit on the size of files."""
    command = [sys.executable, "-c", PUBLISH, str(folder), on_signal]
    return subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


def test_a_full_disk_is_reported_and_nothing_stays_behind(tmp_path: Path) -> None:
    outcome = publish_too_much(tmp_path, "SIG_IGN")
    assert "no space is left" in outcome.stdout
    assert str(tmp_path) in outcome.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_no_model_and_no_partial_file(tmp_path: Path) -> None:
    outcome = publish_too_much(tmp_path, "SIG_DFL")
    assert outcome.returncode < 0
    assert list(tmp_path.rglob("*"))
    assert list(open_registry(tmp_path).ids()) == []
    assert open_store(tmp_path).names(f"{MODEL_ID}/samples") == []


@pytest.mark.parametrize("below", ["file", "file/folder", "broken link"])
def test_a_folder_whose_name_is_taken_is_refused_by_name(below: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "broken link").symlink_to("nowhere")
    with pytest.raises(InvalidInput, match=str(tmp_path / below)):
        open_registry(tmp_path / below).check_writable()


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that root cannot write either")
def test_a_folder_that_cannot_be_created_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput, match=r"/proc/models: .*; allowed: a folder"):
        open_registry("/proc/models").check_writable()


def test_a_folder_without_permission_is_refused_by_name(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with unprivileged(), pytest.raises(InvalidInput, match=f"{tmp_path}: Permission denied"):
        open_registry(tmp_path).check_writable()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run as an unprivileged user, since permissions do not restrict root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_folder_may_be_removed_between_its_creation_and_its_use(tmp_path: Path) -> None:
    store, done = open_store(tmp_path), Event()

    def remove_empty_folders() -> None:
        while not done.wait(0.001):
            for folder in ("a/b", "a"):
                with suppress(OSError):
                    (tmp_path / folder).rmdir()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(remove_empty_folders)
        try:
            for _ in range(200):
                assert store.create("a/b/key", b"")
                store.delete("a/b/key")
        finally:
            done.set()


def test_a_file_address_is_decoded_to_its_folder(tmp_path: Path) -> None:
    open_store(f"file://{tmp_path}/two%20words").create("key", b"data")
    assert (tmp_path / "two words" / "key").read_bytes() == b"data"


def test_a_relative_folder_has_an_absolute_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_registry("model").uri == str(tmp_path / "model")


def test_a_registry_in_a_folder_imports_nothing_heavy() -> None:
    code = "import ser.registry, sys; ser.registry.open_registry('model'); print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", code], env=ENVIRONMENT, text=True)
    assert "ser.store._folder" in modules.split()
    assert not {"boto3", "botocore", "onnxruntime", "tensorflow"} & {*modules.split()}
