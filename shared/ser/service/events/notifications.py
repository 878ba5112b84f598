"""Reads the notifications that stores send when an object is created: S3, EventBridge, MinIO, Cloud
Storage.

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
from ser.errors import InvalidInput, TooLarge, within
from ser.service.bodies import decode_object
from ser.service.events.event import Event, Ignored, ObjectCreated, Refused, StoreName

LOCAL_SOURCE = "ser:inbox"
"""The ``eventSource`` of a watched folder. It sends records like those of S3, whose bucket is the
path of the folder."""

FINALIZED = "google.cloud.storage.object.v1.finalized"
MAX_RECORDS = 100
"""Largest number of ``Records`` of a notification, each of which may start a training. Stores send
one, queues up to ten at a time."""
NO_CREATION = "only the creation of an object starts a training"


def read_events(headers: Mapping[str, str], body: bytes) -> list[Event]:
    """Return the events of the notification in ``body``, in its order; at least one.

    Supported are ``Records`` of S3, which MinIO sends too; S3 through EventBridge; and CloudEvents
    of Cloud Storage, in binary mode, which ``headers`` indicate, or in structured mode. Any other
    body is :class:`Ignored`: a sender that is refused would only send it again.

    Raises
    ------
    UnreadableRequest
        The body is not a JSON object.
    TooLarge
        It has more than :data:`MAX_RECORDS` records.
    """
    message = decode_object(body)
    match message:
        case {"Records": [*records]} if len(records) > MAX_RECORDS:
            raise TooLarge(
                f"The notification has {len(records):,} records; allowed: at most {MAX_RECORDS}."
            )
        case {"Records": [_, *_] as records}:
            return [
                read_or_refuse(partial(read_record, record), "Records", index)
                for index, record in enumerate(records)
            ]
        case {"source": "aws.s3", "detail-type": str(kind)}:
            return [read_or_refuse(partial(read_bridged, kind, message.get("detail")), "detail")]
        case {"specversion": _, "type": str(kind)}:
            return [read_or_refuse(partial(read_cloud_event, kind, message.get("data")), "data")]
        case {"Event": "s3:TestEvent"}:
            return [Ignored("s3:TestEvent", "it tests the connection and names no object")]
    # Last, because some bridges wrap a message of S3 into a CloudEvent of their own.
    if named := {name.lower(): value for name, value in headers.items()}.get("ce-type"):
        return [read_or_refuse(partial(read_cloud_event, named, message))]
    return [Ignored(shown(message), "not a notification of a known store")]


def read_or_refuse(read: Callable[[], Event], *loc: str | int) -> Event:
    """Return the event that ``read`` returns, or :class:`Refused` for its error, so that the other
    events of the notification are still read."""
    try:
        with within(*loc):
            return read()
    except InvalidInput as error:
        return Refused(error)


def read_record(record: object) -> Event:
    """Return the event of one of ``Records``, whose key is form-encoded."""
    match record:
        case {"eventName": str(kind), "s3": message, **rest}:
            if not kind.removeprefix("s3:").startswith("ObjectCreated:"):
                return Ignored(shown({kind: message}), NO_CREATION)
            with within("s3"):
                local = rest.get("eventSource") == LOCAL_SOURCE
                return read_s3_object("file" if local else "s3", message, unquote_plus)
    return Ignored(shown(record), "not a record of S3")


def read_bridged(kind: str, detail: object) -> Event:
    """Return the event of a message of EventBridge, whose key is not encoded."""
    if kind != "Object Created":
        return Ignored(shown({kind: detail}), NO_CREATION)
    return read_s3_object("s3", detail, str)


def read_s3_object(
    store: StoreName, message: object, decode_key: Callable[[str], str]
) -> ObjectCreated:
    """Return the object that a message of S3 names by ``bucket`` and ``object``."""
    match message:
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key), **fields}}:
            version = first_value(fields, "versionId", "version-id")
            etag = first_value(fields, "eTag", "etag")
            return identified_object(store, bucket, decode_key(key), version, etag)
    raise InvalidInput(f"{shown(message)} does not fit; allowed: bucket.name and object.key")


def read_cloud_event(kind: str, data: object) -> Event:
    """Return the event of a CloudEvent, whose object name is not encoded."""
    if kind != FINALIZED:
        return Ignored(shown({kind: data}), f"only {FINALIZED} starts a training")
    match data:
        case {"bucket": str(bucket), "name": str(key), **fields}:
            generation, etag = first_value(fields, "generation"), first_value(fields, "etag")
            return identified_object("gs", bucket, key, generation, etag)
    raise InvalidInput(f"{shown(data)} does not fit; allowed: bucket and name")


def first_value(fields: Mapping[Any, object], *names: str) -> str:
    """Return as text the first value among ``names`` that is set, or an empty string."""
    # S3 calls the only version of an object in an unversioned bucket "null".
    values = (fields.get(name) for name in names)
    return next((str(v) for v in values if isinstance(v, str | int) and v not in ("", "null")), "")


def identified_object(
    store: StoreName, bucket: str, key: str, version: str, etag: str
) -> ObjectCreated:
    """Return the created object; raise :class:`InvalidInput` if the values do not identify one
    version of one object."""
    unusable = store == "file" and (not bucket.startswith("/") or "\0" in bucket + key)
    if not bucket or not key or unusable:
        raise InvalidInput(
            f"{shown([bucket, key])} names no object; allowed: a bucket and a key, both not empty;"
            " for a watched folder, its absolute path as the bucket"
        )
    if not version and not etag:
        raise InvalidInput(
            f"{shown([bucket, key])} comes without version; allowed: an ETag, a version or a"
            " generation, because each version is trained on only once, however often it is"
            " announced"
        )
    return ObjectCreated(store, bucket, key, version, etag.strip('"'))
