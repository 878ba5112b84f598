"""POST /train on corpora as people have them: archives of any producer, folders, prefixes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unicodedata import normalize

import boto3
import pytest

import buckets
import made
from clients import Client
from ser import open_registry

LABELS = {"W": "Ärger", "L": "Langeweile"}
NAMES = made.names(codes="WL")
SOUNDS = {name: made.sound(made.signal(name)) for name in NAMES}
IN_FOLDERS = {f"{name[:2]}/{LABELS[name[5]]}/{name[6]}.wav": SOUNDS[name] for name in NAMES}
"""Sounds below folders of speakers and emotions."""
CLASSES = ["Langeweile - Langeweile", "Ärger - Ärger"]
BY_FOLDER = {"label": "folder", "speaker_pattern": "([0-9]+)/"}


def trained(train: Client, body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the answer of a training on all sounds, of which none is rejected."""
    answer: dict[str, Any] = train.post("/train", json=body | {"split": "speaker"} | fields).json
    assert answer["classes"] == CLASSES, answer
    assert answer["rejected"] == []
    assert answer["speaker_dependent"] is False
    assert len(answer["test_samples"]) == 4
    return answer


def refusal(train: Client, body: dict[str, Any], **fields: Any) -> str:
    """Return the reason to refuse the corpus."""
    response = train.post("/train", json=body | fields)
    assert response.status_code == 422
    (error,) = response.json["errors"]
    assert error["loc"] == ["remote_url"]
    return str(error["msg"])


def test_an_archive_of_windows_and_macos_with_labels_in_two_spellings_is_trained_on(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    files = {}
    for path, sound in IN_FOLDERS.items():
        # The first speaker comes from Windows PowerShell 5, the others from macOS.
        windows = path.startswith("03")
        files[path.upper().replace("/", "\\") if windows else normalize("NFD", path)] = sound
        files[f"__MACOSX/{path.replace('/', '/._')}"] = b"\0\5\x16\7"
        files[f"set/{path.rpartition('/')[0]}/._1.wav"] = b"\0\5\x16\7"
    made.archive(bounds / "corpus.zip", files)
    answer = trained(train, train_body, corpus=BY_FOLDER)
    (note,) = answer["notes"]
    for spelling in ("'ÄRGER'", "(decomposed, NFD)", "'Langeweile'"):
        assert spelling in note


def test_a_compressed_tar_with_a_table_of_a_spreadsheet_is_trained_on(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    rows = [("Filename", "Label", "Speaker ID")]
    rows += [(f"C:\\data\\{name}", LABELS[name[5]], name[:2]) for name in NAMES]
    table = "\r\n".join(["sep=;", *(";".join(row) for row in rows)]).encode("cp1252")
    files = {f"set/wav/{name[:-4]}.WAV": sound for name, sound in SOUNDS.items()}
    with tarfile.open(bounds / "corpus.tar.gz", "w:gz") as tar:
        for name, content in {**files, "set/Labels.csv": table}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    body = train_body | {"remote_url": "corpus.tar.gz", "corpus": {"table": "labels.csv"}}
    answer = trained(train, body)
    encoding, paths = answer["notes"]
    assert "read as cp1252" in encoding
    assert "16 of 16 paths" in paths
    assert (bounds / "data" / "pristine" / "archive.tar.gz").exists()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with buckets.s3() as address:
        for name, value in {**buckets.ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            monkeypatch.setenv(name, value)
        client = boto3.client("s3")
        client.create_bucket(Bucket="corpora")
        yield client


def test_loose_files_in_a_bucket_and_in_a_folder_are_trained_on_alike(
    train: Client, train_body: dict[str, Any], bounds: Path, bucket: Any
) -> None:
    for path, sound in IN_FOLDERS.items():
        bucket.put_object(Bucket="corpora", Key=f"set/{path}", Body=sound)
        (bounds / "set" / path).parent.mkdir(parents=True, exist_ok=True)
        (bounds / "set" / path).write_bytes(sound)
    answers = [
        trained(train, train_body, remote_url=source, data_path=f"data/{n}", corpus=BY_FOLDER)
        for n, source in enumerate(("s3://corpora/set/", "set"))
    ]
    assert answers[0]["metrics"] == answers[1]["metrics"]
    assert answers[0]["test_samples"] == answers[1]["test_samples"]
    manifest = open_registry("model").model(answers[0]["model_id"]).manifest
    assert manifest["corpus"]["remote_url"] == "s3://corpora/set/"
    # The folder is read in place, and the objects are copied.
    assert (bounds / "data" / "0" / "pristine" / "archive.tar").exists()
    assert not (bounds / "data" / "1" / "pristine").exists()


def test_an_archive_in_an_archive_is_named(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    made.archive(bounds / "corpus.zip", {"download/set.zip": b"PK", "readme.txt": b""})
    message = refusal(train, train_body)
    assert "contains no sounds" in message
    assert "it contains archives, which are not unpacked (download/set.zip)" in message


def test_pointers_of_git_lfs_are_named_with_the_remedy(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 71234\n"
    made.archive(bounds / "corpus.zip", dict.fromkeys(NAMES, pointer))
    assert "a Git LFS pointer, not the sound; run `git lfs pull`" in refusal(train, train_body)


def test_a_table_without_matching_sounds_is_refused_with_the_nearest_names(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    rows = ["path,label,speaker", *(f"x_{name},{LABELS[name[5]]},{name[:2]}" for name in NAMES)]
    made.archive(bounds / "corpus.zip", SOUNDS | {"labels.csv": "\n".join(rows).encode()})
    message = refusal(train, train_body, corpus={"table": "labels.csv"})
    assert "the sound does not exist; nearest: 03a01" in message


def test_links_that_lead_out_of_the_allowed_paths_are_refused(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    (bounds / "set").mkdir()
    (bounds / "set" / "03a01Wa.wav").write_bytes(SOUNDS["03a01Wa.wav"])
    for name in ("03a01Wb.wav", "labels.csv"):
        (bounds / "set" / name).symlink_to("/etc/hostname")
        message = refusal(train, train_body, remote_url="set", corpus={"table": "labels.csv"})
        assert f"{name}' is outside of SER_ALLOWED_PATHS" in message
        (bounds / "set" / name).unlink()


def test_the_limit_on_content_holds_for_folders(
    train: Client, train_body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_EXTRACTED_MB", "0.01")
    (bounds / "set").mkdir()
    for name, sound in SOUNDS.items():
        (bounds / "set" / name).write_bytes(sound)
    response = train.post("/train", json=train_body | {"remote_url": "set"})
    assert response.status_code == 413
    assert "SER_MAX_EXTRACTED_MB" in response.json["detail"]
