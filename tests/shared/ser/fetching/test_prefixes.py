"""Files are read where they are, in folders and below prefixes, in the version that was listed."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ser.errors import Conflict, InvalidInput, RemoteFailed, TooLarge
from ser.fetching import FULL_ACCESS, Patience, Place, StoredFile, fetch, open_place
from ser.limits import Limit
from ser.service.access import Access
from ser.service.settings import Settings

FILES = {"a/1.wav": b"1" * 700, "a/2.wav": b"", "b/Ä 3.wav": b"3" * 512, "labels.csv": b"file"}
CLUTTER = {"a/._1.wav": b"fork", "__MACOSX/a/1.wav": b"", "a/.DS_Store": b""}


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
    for key, content in (FILES | CLUTTER | {"": b"", "a/": b""}).items():
        client.put_object(Bucket=bucket, Key=f"set/{key}", Body=content)
    client.put_object(Bucket=bucket, Key="settings.json", Body=b"{}")
    return f"s3://{bucket}/set/"


@pytest.fixture(params=["folder", "prefix"])
def place(request: pytest.FixtureRequest, tmp_path: Path, corpus: str) -> Place:
    for name, content in (FILES | CLUTTER).items():
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(content)
    return open_place(
        {"folder": str(tmp_path / "set"), "prefix": corpus}[request.param], FULL_ACCESS
    )


def test_the_files_are_listed_with_their_sizes_and_without_clutter(place: Place) -> None:
    assert {file.name: file.size for file in place.files()} == {
        name: len(content) for name, content in FILES.items()
    }
    assert [str(file.path) for file in place.files()] == sorted(FILES)


def test_any_part_of_a_file_is_read_by_any_thread_and_after_a_journey(place: Place) -> None:
    there = pickle.loads(pickle.dumps(place))
    for each in (place, there):
        files = each.files()
        with ThreadPoolExecutor(4) as threads:
            assert [*threads.map(each.read, files)] == [FILES[file.name] for file in files]
        first = files[0]
        assert each.read(first, 699) == b"1"
        assert each.read(first, 10, 3) == b"111"
        with each.open(first, 100) as opened:
            opened.seek(-2, os.SEEK_END)
            assert opened.read() == b"11"
            opened.seek(50)
            assert len(opened.read(625)) == 625


def test_the_fingerprint_of_a_file_follows_its_content(
    place: Place, corpus: str, client: Any
) -> None:
    first = [place.fingerprint(file) for file in place.files()]
    assert first == [place.fingerprint(file) for file in place.files()]
    replace(place, corpus, client, b"0" * 700)
    again = [place.fingerprint(file) for file in place.files()]
    assert [a == b for a, b in zip(first, again, strict=True)] == [False, True, True, True]


def replace(place: Place, corpus: str, client: Any, content: bytes) -> None:
    """Replace the first file."""
    if folder := place.on_this_machine:
        (folder / "a/1.wav").write_bytes(content)
    else:
        client.put_object(Bucket=corpus.split("/")[2], Key="set/a/1.wav", Body=content)


@pytest.mark.parametrize("content", [b"0" * 700, b"0" * 9, b""])
def test_an_object_that_changes_after_it_was_listed_is_a_conflict(
    client: Any, corpus: str, content: bytes
) -> None:
    place = open_place(corpus, FULL_ACCESS)
    first = place.files()[0]
    replace(place, corpus, client, content)
    with pytest.raises(Conflict, match=r"set/a/1\.wav has changed since it was listed"):
        place.read(first)
    with pytest.raises(Conflict), place.open(first, 100) as opened:
        opened.read()


def test_some_files_alone_are_listed(place: Place, corpus: str, tmp_path: Path) -> None:
    url = str(place.on_this_machine or corpus)
    names = ("b/Ä 3.wav", "a/2.wav")
    chosen = open_place(url, FULL_ACCESS, names=names).files()
    assert [file.name for file in chosen] == sorted(names)
    with pytest.raises((InvalidInput, RemoteFailed), match=r"4\.wav cannot be read"):
        open_place(url, FULL_ACCESS, names=("a/4.wav",)).files()


def test_a_prefix_with_too_many_objects_or_none_is_refused(corpus: str) -> None:
    with pytest.raises(TooLarge, match=r"too many objects; allowed: 3 \(SER_MAX_ENTRIES\)"):
        open_place(corpus, FULL_ACCESS).files(Limit(3, "SER_MAX_ENTRIES"))
    with pytest.raises(InvalidInput, match="contains no objects; allowed: a prefix with the files"):
        open_place(corpus.replace("set/", "other/"), FULL_ACCESS).files()


@pytest.mark.parametrize("key", ["../up.csv", "a/../../up.csv", "a//1.wav"])
def test_keys_that_are_no_paths_of_their_own_are_refused(
    corpus: str, client: Any, key: str
) -> None:
    client.put_object(Bucket=corpus.split("/")[2], Key=f"set/{key}", Body=b"")
    with pytest.raises(InvalidInput, match=r"leads out|clashes with"):
        open_place(corpus, FULL_ACCESS).files()


def test_a_connection_that_breaks_is_tried_again(
    corpus: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.response import StreamingBody

    place = open_place(corpus, FULL_ACCESS, patience=Patience(retries=2, pause=0.0))
    first = place.files()[0]
    whole, broken = StreamingBody.read, [True, True]

    def read(body: StreamingBody, *arguments: Any) -> bytes:
        from botocore.exceptions import IncompleteReadError

        content: bytes = whole(body, *arguments)
        if broken and broken.pop():
            raise IncompleteReadError(actual_bytes=1, expected_bytes=700)
        return content

    monkeypatch.setattr(StreamingBody, "read", read)
    assert place.read(first) == FILES["a/1.wav"]
    broken += [True] * 3
    with pytest.raises(RemoteFailed, match=r"a/1\.wav cannot be read"):
        place.read(first)


def test_a_key_without_slash_is_an_object(corpus: str, tmp_path: Path) -> None:
    with pytest.raises(RemoteFailed, match=r"NoSuchKey.*; a prefix ends with a slash"):
        fetch(corpus.replace("set/", "set"), tmp_path / "archive", access=FULL_ACCESS)


def test_the_rules_of_access_hold_for_places(corpus: str, tmp_path: Path) -> None:
    access = Access(Settings(allowed_paths=(tmp_path / "in",), allowed_buckets=("others",)))
    with pytest.raises(InvalidInput, match="SER_ALLOWED_BUCKETS"):
        open_place(corpus, access)
    with pytest.raises(InvalidInput, match="SER_ALLOWED_PATHS"):
        open_place(str(tmp_path), access)
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (tmp_path / "in" / "link.wav").symlink_to(tmp_path / "secret.wav")
    with pytest.raises(InvalidInput, match="SER_ALLOWED_PATHS"):
        open_place(str(tmp_path / "in"), access).read(StoredFile("link.wav", 6))


def test_a_prefix_of_cloud_storage_is_read_through_the_protocol_of_s3(
    corpus: str, s3_address: str, tmp_path: Path
) -> None:
    settings = Settings(allowed_paths=(tmp_path,), cloud_storage=s3_address)
    place = open_place(corpus.replace("s3:", "gs:"), Access(settings))
    assert {file.name: place.read(file) for file in place.files()} == FILES
