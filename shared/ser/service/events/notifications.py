"""Reads what stores send when an object is created: S3, EventBridge, MinIO, Cloud Storage.

Sources: "Event message structure" and "EventBridge event message structure" in the user guide of
Amazon S3; "Bucket notifications" in MinIO's documentation; the HTTP binding of CloudEvents 1.0.2,
whose data is the ``StorageObjectData`` of google-cloudevents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import unquote_plus

from ser._schemas import shown
from ser.errors import InvalidInput, within
from ser.service.bodies import decode_object
from ser.service.events.event import Event, Ignored, ObjectCreated, Refused, StoreName

LOCAL_SOURCE = "ser:inbox"
"""The ``eventSource`` of a watched folder, which speaks as S3 does; its bucket is its path."""

FINALIZED = "google.cloud.storage.object.v1.finalized"
NO_CREATION = "only the creation of an object starts anything"


def read_events(headers: Mapping[str, str], body: bytes) -> list[Event]:
    """Return what the notification in ``body`` tells, in its order and never nothing.

    Read are ``Records`` of S3, which MinIO sends too; S3 through EventBridge; CloudEvents of Cloud
    Storage, in binary mode, told by ``headers``, or structured mode. Whatever else comes is
    :class:`Ignored`: a sender that is refused only sends again.

    Raises
    ------
    UnreadableRequest
        The body is no JSON object.
    """
    message = decode_object(body)
    match message:
        case {"Records": [_, *_] as records}:
            return [
                readable(partial(read_record, record), "Records", index)
                for index, record in enumerate(records)
            ]
        case {"source": "aws.s3", "detail-type": str(kind)}:
            return [readable(partial(read_bridged, kind, message.get("detail")), "detail")]
        case {"specversion": _, "type": str(kind)}:
            return [readable(partial(read_cloud_event, kind, message.get("data")), "data")]
        case {"Event": "s3:TestEvent"}:
            return [Ignored("s3:TestEvent", "it tests the connection and names no object")]
    # Last: some bridges wrap what S3 says into a CloudEvent of their own.
    if named := {name.lower(): value for name, value in headers.items()}.get("ce-type"):
        return [readable(partial(read_cloud_event, named, message))]
    return [Ignored(shown(message), "not a notification of a store that is known")]


def readable(read: Callable[[], Event], *loc: str | int) -> Event:
    """Return what ``read`` does; a refusal is no reason to read nothing of what comes beside."""
    try:
        with within(*loc):
            return read()
    except InvalidInput as error:
        return Refused(error)


def read_record(record: object) -> Event:
    """Return what one of ``Records`` tells; its key is encoded as in a form."""
    match record:
        case {"eventName": str(kind), "s3": place, **about}:
            if not kind.removeprefix("s3:").startswith("ObjectCreated:"):
                return Ignored(shown({kind: place}), NO_CREATION)
            with within("s3"):
                local = about.get("eventSource") == LOCAL_SOURCE
                return placed("file" if local else "s3", place, unquote_plus)
    return Ignored(shown(record), "not a record of S3")


def read_bridged(kind: str, detail: object) -> Event:
    """Return what an event of EventBridge tells; its key is as it is."""
    if kind != "Object Created":
        return Ignored(shown({kind: detail}), NO_CREATION)
    return placed("s3", detail, str)


def placed(store: StoreName, place: object, decode: Callable[[str], str]) -> ObjectCreated:
    """Return the object that S3 describes by ``bucket`` and ``object``."""
    match place:
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key), **told}}:
            version = first(told, "versionId", "version-id")
            return identified(store, bucket, decode(key), version, first(told, "eTag", "etag"))
    raise InvalidInput(f"{shown(place)} does not fit; allowed: bucket.name and object.key")


def read_cloud_event(kind: str, data: object) -> Event:
    """Return what a CloudEvent tells; the name of its object is as it is."""
    if kind != FINALIZED:
        return Ignored(shown({kind: data}), f"only {FINALIZED} starts anything")
    match data:
        case {"bucket": str(bucket), "name": str(key), **told}:
            return identified("gs", bucket, key, first(told, "generation"), first(told, "etag"))
    raise InvalidInput(f"{shown(data)} does not fit; allowed: bucket and name")


def first(told: Mapping[Any, object], *names: str) -> str:
    """Return the value of the first of ``names`` that says something, as text."""
    # S3 calls the one version of an object that has no others "null".
    values = (told.get(name) for name in names)
    return next((str(v) for v in values if isinstance(v, str | int) and v not in ("", "null")), "")


def identified(store: StoreName, bucket: str, key: str, version: str, etag: str) -> ObjectCreated:
    """Return the object, once it is known that it can be told from others."""
    lost = store == "file" and (not bucket.startswith("/") or "\0" in bucket + key)
    if not bucket or not key or lost:
        raise InvalidInput(
            f"{shown([bucket, key])} names no object; allowed: a bucket and a key, both not empty,"
            " and for a watched folder its absolute path as the bucket"
        )
    if not version and not etag:
        raise InvalidInput(
            f"{shown([bucket, key])} comes without version; allowed: an ETag, a version or a"
            " generation, since one version is trained on once, however often it is announced"
        )
    return ObjectCreated(store, bucket, key, version, etag.strip('"'))
