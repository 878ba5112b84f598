"""Who may announce events, and how much."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from clients import Client
from ser.service.events.notifications import MAX_RECORDS
from ser.service.jobs import delivery
from ser.service.jobs.documents import REFUSALS
from ser.service.jobs.jobs import open_jobs
from ser.service.jobs.trainings import Trainings
from ser.service.keys import line_of, new_key
from ser.service.settings import Settings
from ser.store import open_store

KEY = new_key()
TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "corpora"}
FAST = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SER_JOBS_URI", "state")


def record(bucket: str, key: str, **fields: str) -> dict[str, Any]:
    etag = hashlib.sha256(b"{}").hexdigest()
    about = {"bucket": {"name": bucket}, "object": {"key": key, "eTag": etag}}
    return {"eventName": "ObjectCreated:Put", "s3": about, **fields}


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/cloudevents+json", 200),
        ("text/plain", 415),
        ("text/plain; charset=UTF-8", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        (None, 415),
    ],
)
def test_only_json_is_read_which_no_page_can_post_to_another_origin(
    train: Client, media_type: str | None, status: int
) -> None:
    body = json.dumps(TEST_EVENT).encode()
    answer = train.post("/events", data=body, content_type=media_type)
    assert answer.status_code == status


def test_a_key_may_come_as_bearer_token_or_as_the_password_of_an_address(
    train: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    monkeypatch.setenv("SER_API_KEYS", line_of(key, "store", "events"))
    basic = base64.b64encode(f"store:{key}".encode()).decode()
    for header in (f"Bearer {key}", f"bearer {key}", f"Basic {basic}"):
        answer = train.post("/events", json=TEST_EVENT, headers={"Authorization": header})
        assert answer.status_code == 200
    refused = train.post("/events", json=TEST_EVENT, headers={"Authorization": "Basic x"})
    assert refused.status_code == 401
    # Amazon SNS sends the password only when it is asked for.
    assert 'Basic realm="ser"' in refused.headers["WWW-Authenticate"]
    # Elsewhere a browser would ask people for a password.
    elsewhere = train.get("/train", headers={"Authorization": f"Basic {basic}"})
    assert elsewhere.status_code == 401
    assert "Basic" not in elsewhere.headers["WWW-Authenticate"]


DEEP = base64.urlsafe_b64encode(b"[" * 60_000).decode()


@FAST
@given(
    st.sampled_from(["Basic", "basic", "Bearer", "Digest", ""]),
    st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]))
    | st.binary().map(lambda data: base64.b64encode(data).decode())
    | st.just(f"{DEEP}.e30.e30"),
)
@example("Basic", "\xff")
@example("Basic", base64.b64encode(b"store:\xff").decode())
@example("Bearer", f"{DEEP}.e30.e30")
@example("Bearer", "\xff.\xff.\xff")
def test_credentials_that_cannot_be_read_are_as_good_as_none(
    train: Client, monkeypatch: pytest.MonkeyPatch, kind: str, value: str
) -> None:
    rule = {"issuer": "https://a.example", "audience": "https://b.example", "senders": ["c"]}
    monkeypatch.setenv("SER_EVENT_TOKENS", json.dumps({**rule, "keys": "/dev/null"}))
    monkeypatch.setenv("SER_API_KEYS", line_of(new_key(), "store", "events"))
    headers = {"Authorization": f"{kind} {value}"}
    assert train.post("/events", json=TEST_EVENT, headers=headers).status_code == 401
    assert train.get("/train", headers=headers).status_code == 401


@pytest.mark.parametrize("with_keys", [True, False])
def test_tokens_are_accepted_for_events_alone(
    train: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, with_keys: bool
) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key()))
    (tmp_path / "set.json").write_text(json.dumps({"keys": [public | {"kid": "1"}]}))
    names = {"issuer": "https://issuer.example", "audience": "https://train.example"}
    rule = {**names, "keys": str(tmp_path / "set.json"), "senders": ["eventarc"]}
    monkeypatch.setenv("SER_EVENT_TOKENS", json.dumps(rule))
    key = new_key()
    if with_keys:
        monkeypatch.setenv("SER_API_KEYS", line_of(key, "store", "events"))
    else:
        monkeypatch.setenv("SER_OPEN", "1")
    claims = {"iss": names["issuer"], "aud": names["audience"], "exp": 4e9, "sub": "eventarc"}
    token = jwt.encode(claims, private, algorithm="RS256", headers={"kid": "1"})
    headers = {"Authorization": f"Bearer {token}"}
    assert train.post("/events", json=TEST_EVENT, headers=headers).status_code == 200
    assert train.post("/events", json=TEST_EVENT).status_code == 401
    forged = {"Authorization": f"Bearer {token[:-9]}aaaaaaaaa"}
    assert train.post("/events", json=TEST_EVENT, headers=forged).status_code == 401
    assert train.get("/train", headers=headers).status_code == (401 if with_keys else 200)


@pytest.mark.parametrize("limited", [True, False])
def test_the_jobs_of_events_count_in_the_quota_of_their_sender(
    train: Client, monkeypatch: pytest.MonkeyPatch, bounds: Path, limited: bool
) -> None:
    monkeypatch.setenv("SER_INBOX", "inbox")
    monkeypatch.setenv("SER_API_KEYS", line_of(KEY, "store", "events", ("jobs=2",) * limited))
    # As if each process had been lost before it began.
    monkeypatch.setattr(delivery, "run_job", lambda jobs, job_id, _settings: jobs.read(job_id))
    fields = {"preset": "light", "remote_url": "corpus.zip", "model_save_path": "model"}
    body = json.dumps({**fields, "data_path": "data"}).encode()
    (bounds / "corpus.zip").write_bytes(b"")
    (bounds / "inbox").mkdir()

    def announce(*names: str, body: bytes | None = body) -> Any:
        records = []
        for name in names:
            if body is not None:
                (bounds / "inbox" / name).write_bytes(body)
            about = record(str(bounds / "inbox"), name, eventSource="ser:inbox")
            about["s3"]["object"]["eTag"] = hashlib.sha256(body or b"").hexdigest()
            records.append(about)
        headers = {"Authorization": f"Bearer {KEY}"}
        return train.post("/events", json={"Records": records}, headers=headers)

    # Objects that are gone, and requests that are refused, take no slot.
    assert announce("x.train.json", "y.train.json", "z.train.json", body=None).status_code == 200
    assert announce("x.train.json", "y.train.json", "z.train.json", body=b"{}").status_code == 200
    first = announce("a.train.json", "b.train.json")
    assert (first.status_code, len(first.json["jobs"])) == (200, 2)
    # An event that is delivered again is for the same job.
    assert announce("a.train.json", "b.train.json").json == first.json
    further = announce("c.train.json", "a.train.json")
    if limited:
        assert (further.status_code, further.headers["Retry-After"]) == (429, "30")
    else:
        assert further.status_code == 200
    assert len(list(Path("state/jobs").iterdir())) == (5 if limited else 6)


def test_records_are_bounded(train: Client) -> None:
    removed = {"eventName": "ObjectRemoved:Delete", "s3": {}}
    assert train.post("/events", json={"Records": [removed] * MAX_RECORDS}).status_code == 200
    refused = train.post("/events", json={"Records": [removed] * (MAX_RECORDS + 1)})
    assert refused.status_code == 413
    assert "allowed: at most 100" in refused.json["detail"]


@pytest.mark.parametrize(
    ("inbox", "count"), [("inbox", 1), ("", 0), ("other", 0), ("s3://inbox/x", 0)]
)
def test_local_files_are_events_only_where_that_folder_is_watched(
    train: Client, monkeypatch: pytest.MonkeyPatch, bounds: Path, inbox: str, count: int
) -> None:
    (bounds / "inbox").mkdir()
    (bounds / "inbox" / "a.train.json").write_bytes(b"{}")
    monkeypatch.setenv("SER_INBOX", inbox)
    local = record(str(bounds / "inbox"), "a.train.json", eventSource="ser:inbox")
    above = record(str(bounds), "inbox/a.train.json", eventSource="ser:inbox")
    answer = train.post("/events", json={"Records": [local, above]})
    assert answer.status_code == 200
    assert len(answer.json["jobs"]) == count


# Whatever a body or a stored document contains, the answer is no internal error.

FIELDS = (
    *("Records", "s3", "bucket", "name", "object", "key", "eTag", "eventName", "detail"),
    *("source", "detail-type", "specversion", "type", "data", "generation", "Event"),
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@FAST
@given(
    value=JSON_VALUES,
    name=st.text(max_size=10),
    etag=st.text(min_size=1, max_size=4),
    kind=st.sampled_from(["", "google.cloud.storage.object.v1.finalized", "other"]),
)
def test_no_notification_is_an_internal_error(
    train: Client, value: object, name: str, etag: str, kind: str
) -> None:
    about = {"bucket": {"name": name}, "object": {"key": f"{name}.txt", "eTag": etag}}
    shaped = {"Records": [value, {"eventName": "ObjectCreated:Put", "s3": about}]}
    bodies = [json.dumps(each).encode() for each in (value, shaped, {"Records": value})]
    bodies.append(bodies[-1][:-2] + b"\xff}")
    for body in bodies:
        headers = {"Content-Type": "application/json", **({"ce-type": kind} if kind else {})}
        assert train.post("/events", data=body, headers=headers).status_code < 500


S3_OBJECT = {"bucket": {"name": "a"}, "object": {"key": "b", "eTag": "c"}}
FINALIZED = "google.cloud.storage.object.v1.finalized"
NOTIFICATIONS: list[dict[str, Any]] = [
    {"Records": [{"eventName": "ObjectCreated:Put", "s3": S3_OBJECT}]},
    {"Records": [{"eventName": "ObjectCreated:Put", "s3": S3_OBJECT, "eventSource": "ser:inbox"}]},
    {"source": "aws.s3", "detail-type": "Object Created", "detail": S3_OBJECT},
    {
        "specversion": "1.0",
        "type": FINALIZED,
        "data": {"bucket": "a", "name": "b", "generation": "1"},
    },
]


def changed(value: Any) -> Iterator[Any]:
    """Yield ``value`` with each part of it replaced by values of other types."""
    yield from (None, 1, 1e300, True, [], [1], {}, {"a": 1}, "", "\0", "../../x")
    if isinstance(value, dict):
        for name, part in value.items():
            yield from ({**value, name: other} for other in changed(part))
    elif isinstance(value, list):
        yield from ([other] for part in value for other in changed(part))


@pytest.mark.parametrize("notification", NOTIFICATIONS, ids=range(len(NOTIFICATIONS)))
def test_no_value_of_another_type_in_a_notification_is_an_internal_error(
    train: Client, monkeypatch: pytest.MonkeyPatch, notification: dict[str, Any]
) -> None:
    monkeypatch.setenv("SER_INBOX", "inbox")
    monkeypatch.setenv("SER_ALLOWED_BUCKETS", "")
    for body in changed(notification):
        assert train.post("/events", json=body).status_code < 500, body


DAMAGES = [
    b"",
    b"\xff\xfe",
    b'{"job_id": "\xff"}',
    b"[]",
    b"[" * 5000,
    b'{"job_id": 1e999}',
    b'{"job_id": {}}',
    b'{"job_id": "../jobs/x"}',
    b'{"job_id": "\\ud800"}',
]


@pytest.mark.parametrize("damage", DAMAGES, ids=range(len(DAMAGES)))
def test_damaged_claims_and_jobs_are_reported_as_damaged(train: Client, damage: bytes) -> None:
    jobs = open_jobs(Settings(jobs_uri="state"), Trainings())
    job_id = jobs.claim("0f" * 32)
    Path(f"state/claims/{'0f' * 32}.json").write_bytes(damage)
    Path("state/jobs").mkdir()
    Path(f"state/jobs/{job_id}.json").write_bytes(damage)
    with pytest.raises(Exception, match="is damaged") as raised:
        jobs.claim("0f" * 32)
    assert not isinstance(raised.value, REFUSALS)
    for answer in (train.get(f"/train/{job_id}"), train.delete(f"/train/{job_id}")):
        assert answer.status_code == 409
        assert "is damaged" in answer.json["detail"]
    assert train.get("/train").json["jobs"] == []


@FAST
@given(data=st.data())
def test_no_change_of_a_stored_job_is_an_internal_error(train: Client, data: st.DataObject) -> None:
    job_id = "20261122T193834Z-ef40734d"
    document: dict[str, object] = {
        "job_id": job_id,
        "status": data.draw(st.sampled_from(["failed", "succeeded", "cancelled"])),
        "created_at": "2026-11-22T19:38:34Z",
        "request": {},
        "unread_request": None,
        "result": None,
        "problem": {"type": "urn:ser:problem:not-found", "title": "", "status": 404, "detail": ""},
        "trigger": {"uri": "s3://a/b", "bucket": "a", "key": "b", "version": "", "etag": "1"},
    }
    field = data.draw(st.sampled_from([*document, "owner", "lease", "attempts", "crash", "stage"]))
    document[field] = data.draw(JSON_VALUES)
    stored = bytearray(json.dumps(document).encode())
    if data.draw(st.booleans()):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    key = f"jobs/{job_id}.json"
    store = open_store("state")
    store.delete(key)
    store.create(key, bytes(stored))
    for answer in (
        train.get(f"/train/{job_id}"),
        train.get("/train"),
        train.delete(f"/train/{job_id}"),
    ):
        assert answer.status_code < 500, answer.text
