"""POST /train on corpora as people have them: archives of any producer, folders, shards."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unicodedata import normalize

import boto3
import pytest

import buckets
import made
import shards
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


def put(bucket: Any, files: Mapping[str, bytes]) -> None:
    for key, content in files.items():
        bucket.put_object(Bucket="corpora", Key=key, Body=content)


def test_every_form_of_a_corpus_gives_the_model_of_its_archive(
    train: Client, train_body: dict[str, Any], bounds: Path, bucket: Any
) -> None:
    rows = [("file", "emotion", "speaker"), *((n, LABELS[n[5]], n[:2]) for n in NAMES)]
    loose = SOUNDS | {"labels.csv": "\n".join(map(",".join, rows)).encode()}
    made.archive(bounds / "corpus.zip", loose)
    put(bucket, {f"loose/{name}": content for name, content in loose.items()})
    halves = {"000": sorted(NAMES)[:9], "001": sorted(NAMES)[9:]}
    classes = [*LABELS.values()]
    for number, names in halves.items():
        samples = {
            each: content
            for name in names
            for each, content in {
                name: SOUNDS[name],
                f"{name[:-4]}.json": json.dumps(
                    {"label": LABELS[name[5]], "speaker": name[:2]}
                ).encode(),
            }.items()
        }
        table = [
            {
                "audio": {"bytes": SOUNDS[name], "path": name},
                "label": classes.index(LABELS[name[5]]),
                "speaker_id": name[:2],
            }
            for name in names
        ]
        put(bucket, {f"tars/set-{number}.tar": shards.tar(samples)})
        put(bucket, {f"tables/set-{number}.parquet": shards.parquet(table, {"label": classes})})
    answers = [
        trained(train, train_body, remote_url=source, data_path=f"data/{n}", **fields)
        for n, (source, fields) in enumerate(
            [
                ("corpus.zip", {"corpus": {"table": "labels.csv"}}),
                ("s3://corpora/loose/", {"corpus": {"table": "labels.csv"}}),
                ("s3://corpora/tars/set-{000..001}.tar", {}),
                ("s3://corpora/tables/", {}),
            ]
        )
    ]
    for answer in answers[1:]:
        assert answer["metrics"] == answers[0]["metrics"]
        manifest = open_registry("model").model(answer["model_id"]).manifest
        assert manifest["corpus"]["remote_url"].startswith("s3://corpora/")
        assert manifest["corpus"]["size"] > sum(map(len, SOUNDS.values()))
    # Only the archive is copied.
    assert [each.parent.name for each in bounds.glob("data/*/pristine")] == ["0"]
    assert [*bounds.glob("data/[123]/**/*.wav")] == []


def test_a_table_that_ends_its_reader_is_refused(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    (bounds / "fatal.parquet").write_bytes(shards.fatal_parquet())
    message = refusal(train, train_body, remote_url="fatal.parquet")
    assert "fatal.parquet cannot be read as Parquet" in message
    assert "ended with signal 6" in message
    assert "does not support INT64" in message


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


def test_the_limits_hold_for_folders_and_name_their_setting(
    train: Client, train_body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bounds / "set").mkdir()
    for name, sound in SOUNDS.items():
        (bounds / "set" / name).write_bytes(sound)
    for setting, value in (("SER_MAX_EXTRACTED_MB", "0.01"), ("SER_MAX_ENTRIES", "15")):
        with monkeypatch.context() as patched:
            patched.setenv(setting, value)
            response = train.post("/train", json=train_body | {"remote_url": "set"})
        assert response.status_code == 413
        assert f"({setting})" in response.json["detail"]
