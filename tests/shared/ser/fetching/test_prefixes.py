"""The objects below a prefix of a bucket are fetched as one tar archive."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ser.errors import InvalidInput, RemoteFailed, TooLarge
from ser.fetching import (
    FULL_ACCESS,
    NOTHING,
    PATIENCE,
    Download,
    Interrupted,
    fetch,
    opener_for,
)
from ser.fetching._archives import extract
from ser.fetching._prefixes import archive_chunks, list_members, open_prefix
from ser.limits import Limit
from ser.service.access import Access
from ser.service.settings import Settings

OBJECTS = {"a/1.wav": b"1" * 700, "a/2.wav": b"", "b/Ä 3.wav": b"3" * 512, "labels.csv": b"file"}


@pytest.fixture
def corpus(client: Any, bucket: str, s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The prefix of a corpus in a bucket, which also has other objects."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_address,
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    others = {"": b"", "a/": b"", "a/._1.wav": b"fork", "__MACOSX/a/1.wav": b"", "a/.DS_Store": b""}
    for key, content in (OBJECTS | others).items():
        client.put_object(Bucket=bucket, Key=f"set/{key}", Body=content)
    client.put_object(Bucket=bucket, Key="settings.json", Body=b"{}")
    return f"s3://{bucket}/set/"


def members_of(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {info.name: tar.extractfile(info).read() for info in tar}  # type: ignore[union-attr]


def test_a_prefix_is_fetched_as_an_archive_and_extracted(corpus: str, tmp_path: Path) -> None:
    shares: list[float] = []
    fetched = fetch(corpus, tmp_path / "a", access=FULL_ACCESS, on_progress=shares.append)
    content = (tmp_path / "a").read_bytes()
    assert fetched == Download(hashlib.sha256(content).hexdigest(), len(content))
    assert members_of(tmp_path / "a") == OBJECTS
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    # Equal objects have equal checksums, wherever and whenever they are fetched.
    assert fetch(corpus, tmp_path / "b", access=FULL_ACCESS) == fetched
    extract(tmp_path / "a", tmp_path / "to")
    assert (tmp_path / "to" / "b" / "Ä 3.wav").read_bytes() == OBJECTS["b/Ä 3.wav"]


def test_any_part_of_the_archive_can_be_sent_again(client: Any, corpus: str) -> None:
    bucket = corpus.split("/")[2]
    members = list_members(client, corpus, bucket, "set/")
    whole = b"".join(archive_chunks(client, bucket, members, 0))
    assert len(whole) == sum(member.length for member in members) + 1_024
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        assert tar.getnames() == [*OBJECTS]
    for start in {0, 1, 511, 512, 513, 1_211, 1_212, 1_535, 1_536, 2_047, 2_048, 2_049, 4_000} | {
        len(whole) - 1,
        len(whole),
    }:
        assert b"".join(archive_chunks(client, bucket, members, start)) == whole[start:], start


@pytest.mark.parametrize("changed", [False, True])
def test_an_interrupted_fetch_is_continued_unless_an_object_has_changed(
    client: Any, corpus: str, tmp_path: Path, changed: bool
) -> None:
    with opener_for(corpus, FULL_ACCESS)(NOTHING) as content:
        whole = b"".join(content.chunks)
    # Other bytes than those of the archive show which were fetched again.
    (tmp_path / "archive.part").write_bytes(whole[:512] + b"kept" + whole[516:600])
    note = {"url": corpus, "validator": content.validator}
    (tmp_path / "archive.part.json").write_text(json.dumps(note))
    if changed:
        client.put_object(Bucket=corpus.split("/")[2], Key="set/a/1.wav", Body=b"0" * 700)
    fetch(corpus, tmp_path / "archive", access=FULL_ACCESS)
    first = b"0" * 700 if changed else b"kept" + b"1" * 696
    assert members_of(tmp_path / "archive") == OBJECTS | {"a/1.wav": first}


def test_an_object_that_changes_after_it_was_listed_is_never_mixed_in(
    client: Any, corpus: str
) -> None:
    _, _, bucket, *_ = corpus.split("/")
    with open_prefix("s3", None, bucket, "set/", PATIENCE, NOTHING) as content:
        client.put_object(Bucket=bucket, Key="set/b/Ä 3.wav", Body=b"4" * 512)
        with pytest.raises(Interrupted, match="has changed since it was listed"):
            b"".join(content.chunks)


def test_a_prefix_above_a_limit_is_refused_before_an_object_is_read(
    corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TooLarge, match=r"set/ has [0-9,]+ bytes or more; allowed: 1,000"):
        fetch(corpus, tmp_path / "archive", access=FULL_ACCESS, limit=Limit(1_000))
    monkeypatch.setattr("ser.fetching._prefixes.MAX_ENTRIES", 3)
    with pytest.raises(TooLarge, match="too many objects; allowed: 3"):
        fetch(corpus, tmp_path / "archive", access=FULL_ACCESS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("suffix", "kind", "reason"),
    [
        (
            "other/",
            InvalidInput,
            "other/ contains no objects; allowed: a prefix with the files of a corpus",
        ),
        ("set", RemoteFailed, "NoSuchKey.*; a prefix ends with a slash"),
    ],
)
def test_a_prefix_without_objects_or_slash_is_refused(
    corpus: str, tmp_path: Path, suffix: str, kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind, match=reason):
        fetch(corpus.replace("set/", suffix), tmp_path / "archive", access=FULL_ACCESS)


def test_the_rules_for_buckets_hold_for_prefixes(corpus: str, tmp_path: Path) -> None:
    access = Access(Settings(allowed_paths=(tmp_path,), allowed_buckets=("others",)))
    with pytest.raises(InvalidInput, match="SER_ALLOWED_BUCKETS"):
        fetch(corpus, tmp_path / "archive", access=access)


def test_a_prefix_of_cloud_storage_is_read_through_the_protocol_of_s3(
    corpus: str, s3_address: str, tmp_path: Path
) -> None:
    settings = Settings(allowed_paths=(tmp_path,), cloud_storage=s3_address)
    fetch(corpus.replace("s3:", "gs:"), tmp_path / "archive", access=Access(settings))
    assert members_of(tmp_path / "archive") == OBJECTS
