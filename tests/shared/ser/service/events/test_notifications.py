"""Every notification of a store is read, or ignored with a reason.

In tests/events, ``emitted.py`` captured the payloads ``moto-*``; the others follow the
documentation of their senders, with buckets that do not exist.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.service.events import LOCAL_SOURCE, Ignored, ObjectCreated, Refused, read_events
from ser.service.problems import UnreadableRequest

from .emitted import EVENTS, KEY, PLAIN, VERSIONED, capture

FINALIZED = {"Ce-Type": "google.cloud.storage.object.v1.finalized", "Ce-Specversion": "1.0"}
VOLATILE = {"Time", "eventTime", "time", "version-id"}


def payload(name: str) -> bytes:
    return (EVENTS / f"{name}.json").read_bytes()


def record(bucket: str, key: str, **fields: object) -> dict[str, Any]:
    return {
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key), **fields}},
    }


def body_of(*records: object) -> bytes:
    return json.dumps({"Records": records}).encode()


def only(name: str, headers: dict[str, str] | None = None) -> ObjectCreated:
    """The only object that the payload ``name`` announces."""
    (event,) = read_events(headers or {}, payload(name))
    assert isinstance(event, ObjectCreated)
    return event


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("moto-created", ObjectCreated("s3", PLAIN, KEY, "", "a0901c46356600fdbaffe0fc8c8ac8ba")),
        (
            "moto-copied",
            ObjectCreated("s3", PLAIN, "b.zip", "", "a0901c46356600fdbaffe0fc8c8ac8ba"),
        ),
        (
            "s3-created",
            ObjectCreated(
                "s3",
                "example-speech",
                "inbox/emodb.zip",
                "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
                "4af981f98d22a0b9979da24b259e5e42-5",
            ),
        ),
        (
            "minio-created",
            ObjectCreated(
                "s3",
                "example-speech",
                "für Anna/emodb 1+2.zip",
                "",
                "4d20fef97ae8fcbb2a1b9d8ea7d5e7b0",
            ),
        ),
        (
            "cloud-storage-finalized",
            ObjectCreated(
                "gs",
                "example-speech",
                "für Anna/emodb 1+2%2F.zip",
                "1795361190120345",
                "CNmZ7fX8tYcDEAE=",
            ),
        ),
    ],
)
def test_an_object_is_identified_by_bucket_decoded_key_and_version(
    name: str, expected: ObjectCreated
) -> None:
    assert only(name) == expected


def test_keys_of_eventbridge_are_not_decoded() -> None:
    bridged = only("moto-bridged")
    assert (bridged.bucket, bridged.key) == (VERSIONED, KEY)


def test_every_kind_of_announcement_identifies_the_same_object() -> None:
    assert only("s3-created") == only("eventbridge-created")
    assert only("cloud-storage-finalized") == only("cloud-storage-data", FINALIZED)


def test_a_binary_cloud_event_is_recognised_by_its_header_in_any_case() -> None:
    lower_case = {name.lower(): value for name, value in FINALIZED.items()}
    assert only("cloud-storage-data", lower_case).store == "gs"


def test_a_message_of_s3_is_read_inside_the_cloud_event_of_a_bridge() -> None:
    bridge = {"Ce-Type": "dev.knative.connector.event.aws-sqs", "Ce-Specversion": "1.0"}
    assert only("s3-created", bridge) == only("s3-created")


def test_all_records_of_a_body_are_read_in_order() -> None:
    first, removed, tagged, last = read_events({}, payload("s3-several"))
    assert isinstance(first, ObjectCreated)
    assert isinstance(last, ObjectCreated)
    assert (first.key, last.key) == ("für Anna/r+s.train.json", "inbox/tess.zip")
    assert isinstance(removed, Ignored)
    assert "ObjectRemoved:DeleteMarkerCreated" in removed.subject
    assert isinstance(tagged, Ignored)


@pytest.mark.parametrize(
    ("name", "subject", "reason"),
    [
        ("moto-test-message", "s3:TestEvent", "tests the connection"),
        ("moto-removed", "ObjectRemoved:Delete", "creation"),
        ("moto-bridged-tagged", "Object Tags Added", "creation"),
        ("eventbridge-deleted", "Object Deleted", "creation"),
        ("minio-removed", "s3:ObjectRemoved:Delete", "creation"),
        ("cloud-storage-deleted", "object.v1.deleted", "finalized"),
        ("sqs-record", "059f36b4", "not a record of S3"),
        ("unknown", "projects/example", "not a notification"),
    ],
)
def test_an_event_that_creates_no_object_is_ignored_with_the_reason(
    name: str, subject: str, reason: str
) -> None:
    (event,) = read_events({}, payload(name))
    assert isinstance(event, Ignored)
    assert subject in event.subject
    assert reason in event.reason


@pytest.mark.parametrize("body", [b"{}", b'{"Records": []}', b'{"Records": 1}', b'{"type": "x"}'])
def test_a_message_without_content_is_ignored(body: bytes) -> None:
    (event,) = read_events({}, body)
    assert isinstance(event, Ignored)


@pytest.mark.parametrize("body", [b"", b"emodb.zip", b"[]", b"{"])
def test_a_body_that_is_not_a_json_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableRequest):
        read_events({}, body)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (record("example", "", eTag="1"), "names no object"),
        (record("", "a.zip", eTag="1"), "names no object"),
        (record("example", "a.zip"), "comes without version"),
        (record("example", "a.zip", eTag="", versionId="null"), "comes without version"),
        ({"eventName": "ObjectCreated:Put", "s3": {"bucket": "example"}}, "bucket.name"),
        (record("inbox", "a.zip", eTag="1") | {"eventSource": LOCAL_SOURCE}, "absolute path"),
        (record("/in", "a\0.zip", eTag="1") | {"eventSource": LOCAL_SOURCE}, "names no object"),
    ],
)
def test_the_error_of_an_incomplete_record_names_the_record(broken: object, message: str) -> None:
    good = record("example", "a.zip", eTag="1")
    first, refused, last = read_events({}, body_of(good, broken, good))
    assert isinstance(first, ObjectCreated)
    assert first == last
    assert isinstance(refused, Refused)
    assert message in refused.error.detail
    assert refused.error.faults[0].loc == ("Records", 1, "s3")


def test_the_error_of_an_incomplete_notification_names_the_field() -> None:
    bridged = {"source": "aws.s3", "detail-type": "Object Created", "detail": {"bucket": {}}}
    structured = {"specversion": "1.0", "type": FINALIZED["Ce-Type"], "data": {"bucket": "example"}}
    for notification, loc in ((bridged, "detail"), (structured, "data")):
        (refused,) = read_events({}, json.dumps(notification).encode())
        assert isinstance(refused, Refused)
        assert refused.error.faults[0].loc == (loc,)
        assert "allowed: bucket" in refused.error.detail


def test_a_version_called_null_counts_as_no_version() -> None:
    suspended = record("example", "a.zip", versionId="null", eTag='"abc"')
    (event,) = read_events({}, body_of(suspended))
    assert event == ObjectCreated("s3", "example", "a.zip", "", "abc")


def test_a_watched_folder_sends_records_of_s3_with_its_path_as_the_bucket() -> None:
    announced = record("/srv/in box", "Ärger/a+b.zip", eTag="1") | {"eventSource": LOCAL_SOURCE}
    (event,) = read_events({}, body_of(announced))
    assert isinstance(event, ObjectCreated)
    assert event.store == "file"
    assert event.uri == "file:///srv/in%20box/%C3%84rger/a%2Bb.zip"


@given(key=st.text(min_size=1, max_size=40))
def test_every_key_survives_the_encoding_of_a_record(key: str) -> None:
    (event,) = read_events({}, body_of(record("example", key, eTag="1")))
    assert isinstance(event, ObjectCreated)
    assert event.uri == f"s3://example/{key}"


def without_volatile(message: Any) -> Any:
    """``message`` without the values that differ in every message."""
    if isinstance(message, dict):
        return {
            name: "" if name in VOLATILE else without_volatile(value)
            for name, value in message.items()
        }
    return [without_volatile(item) for item in message] if isinstance(message, list) else message


def test_moto_still_sends_the_captured_payloads() -> None:
    now = capture()
    kept = {file.stem.removeprefix("moto-"): file for file in EVENTS.glob("moto-*.json")}
    assert set(now) == set(kept)
    for kind, file in kept.items():
        assert without_volatile(now[kind]) == without_volatile(json.loads(file.read_text())), kind
