"""The identity of an object, and its kind by its name."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

from ser.service.events import ObjectCreated, object_kind


def test_the_identity_is_hexadecimal_and_the_same_in_every_process() -> None:
    event = ObjectCreated("s3", "example", "a/../Ä b.zip", "v1", "e1")
    assert re.fullmatch("[0-9a-f]{64}", event.identity)
    assert event.identity == "993760b1b300cf4b05e75fb0b883caf024a3f1dc5d8b02a9cf147c64806b58b5"


def test_different_versions_and_objects_have_different_identities() -> None:
    events = [
        ObjectCreated("s3", "example", "a.zip", "v1", "e"),
        ObjectCreated("s3", "example", "a.zip", "v2", "e"),
        ObjectCreated("s3", "example", "a.zip", "", "e"),
        ObjectCreated("s3", "example", "b.zip", "v1", "e"),
        ObjectCreated("s3", "other", "a.zip", "v1", "e"),
        ObjectCreated("gs", "example", "a.zip", "v1", "e"),
        ObjectCreated("s3", "example/a", ".zip", "v1", "e"),
        ObjectCreated("s3", "example", "/a.zip", "v1", "e"),
    ]
    assert not [pair for pair in combinations(events, 2) if pair[0].identity == pair[1].identity]


def test_the_etag_counts_only_without_a_version() -> None:
    versioned = ObjectCreated("s3", "example", "a.zip", "v1", "e1")
    assert versioned.identity == ObjectCreated("s3", "example", "a.zip", "v1", "e2").identity


@pytest.mark.parametrize(
    "key", ["a.train.json", "inbox/A.Train.JSON", "a.b.train.json", "Ä +.train.json"]
)
def test_a_request_is_recognised_by_its_name(key: str) -> None:
    assert object_kind(key) == "request"


@pytest.mark.parametrize(
    "key",
    ["emodb.zip", "in box/EMODB.ZIP", "a.train.json.zip", "v1.2.zip", "a.tar", "a.TGZ", "a.tar.gz"],
)
def test_a_corpus_is_recognised_by_its_name(key: str) -> None:
    assert object_kind(key) == "corpus"


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", "inbox/", "emodb.zip/", "zip", "train.json", "manifest.json", "a.json"),
        *(
            "emodb.zip.part",
            "a.gz",
            "tar.gz",
            "emodb.zip.crdownload",
            "emodb.zip~",
            "emodb.zip.aB3dE6",
        ),
        *(".zip", ".train.json", ".emodb.zip", ".emodb.zip.aB3dE6", "~$emodb.zip", ".DS_Store"),
        *(".rsync-partial/emodb.zip", "a/.trash/b/emodb.zip", "inbox/.train.json"),
    ],
)
def test_folders_and_hidden_or_partial_files_start_nothing(key: str) -> None:
    assert object_kind(key) is None
