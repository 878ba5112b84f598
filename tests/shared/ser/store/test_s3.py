"""Failures of S3: refusals, lost answers, and servers that implement only a part of it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import boto3
import pytest
from botocore.config import Config

from ser.errors import InvalidInput, RemoteFailed, SerError, StorageFull
from ser.registry import Registry, new_model_id, open_registry
from ser.store import open_store
from ser.store._s3 import S3Store

Serve = Callable[[WSGIApplication], str]
Response = Iterable[bytes]


@pytest.fixture(autouse=True)
def environment(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the standard AWS variables, the only source of endpoint and credentials."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def asking_once(address: str) -> Any:
    """Return a client that makes one attempt only."""
    once = Config(retries={"total_max_attempts": 1})
    return boto3.Session().client("s3", endpoint_url=address, config=once)


def refusing(status: str, code: str) -> WSGIApplication:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Response:
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        start_response(status, [("Content-Type", "application/xml")])
        return [f"<Error><Code>{code}</Code></Error>".encode()]

    return application


def refusing_where(
    condition: Callable[[WSGIEnvironment], bool], s3: WSGIApplication, status: str, code: str
) -> WSGIApplication:
    refuse = refusing(status, code)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Response:
        return (refuse if condition(environ) else s3)(environ, start_response)

    return application


def has_if_match(environ: WSGIEnvironment) -> bool:
    return "HTTP_IF_MATCH" in environ


def has_condition(environ: WSGIEnvironment) -> bool:
    return has_if_match(environ) or "HTTP_IF_NONE_MATCH" in environ


def writes_manifest(environ: WSGIEnvironment) -> bool:
    path = str(environ["PATH_INFO"])
    return environ["REQUEST_METHOD"] == "PUT" and path.endswith("/manifest.json")


def losing(request: str, s3: WSGIApplication, *, carried_out: bool) -> WSGIApplication:
    """Return S3 that closes the connection of the first request that ends with ``request``."""
    lost: list[str] = []

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Response:
        if lost or not f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}".endswith(request):
            return s3(environ, start_response)
        lost.append(request)
        if carried_out:
            s3(environ, start_response)
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return []

    return application


def test_without_conditional_replacement_the_value_is_compared_before_it_is_replaced(
    bucket: str, s3: WSGIApplication, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    like_swift = refusing_where(has_if_match, s3, "501 Not Implemented", "NotImplemented")
    store = S3Store(bucket, client=asking_once(serve(like_swift)))
    store.create("key", b"first")
    first = store.read("key")
    assert first is not None
    assert store.replace("key", first, b"second")
    assert not store.replace("key", first, b"third")
    assert caplog.text.count("has no conditional replacement") == 1
    assert [note.partition(" has ")[0] for note in store.notes] == [f"s3://{bucket}"]
    second = store.read("key")
    assert second is not None
    assert second.data == b"second"


def test_without_conditional_creation_a_key_is_looked_up_before_it_is_written(
    bucket: str, s3: WSGIApplication, serve: Serve
) -> None:
    like_b2 = refusing_where(has_condition, s3, "501 Not Implemented", "NotImplemented")
    store = S3Store(bucket, client=asking_once(serve(like_b2)))
    assert store.create("key", b"first")
    assert not store.create("key", b"second")
    stored = store.read("key")
    assert stored is not None
    assert stored.data == b"first"
    assert store.replace("key", stored, b"third")
    assert ["conditional creation" in note for note in store.notes] == [True, False]


def test_a_replacement_that_conflicts_with_a_concurrent_one_loses_the_race(
    bucket: str, s3: WSGIApplication, serve: Serve
) -> None:
    busy = refusing_where(has_if_match, s3, "409 Conflict", "ConditionalRequestConflict")
    store = S3Store(bucket, client=asking_once(serve(busy)))
    store.create("key", b"first")
    first = store.read("key")
    assert first is not None
    assert not store.replace("key", first, b"second")


def test_a_put_that_is_repeated_after_a_lost_answer_succeeds(
    bucket: str, s3: WSGIApplication, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", serve(losing("/key", s3, carried_out=True)))
    assert open_store(f"s3://{bucket}").create("key", b"ours")


def test_a_put_that_is_repeated_after_a_lost_request_respects_the_value_of_another_writer(
    bucket: str, s3: WSGIApplication, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(f"s3://{bucket}").create("key", b"theirs")
    monkeypatch.setenv("AWS_ENDPOINT_URL", serve(losing("/key", s3, carried_out=False)))
    assert not open_store(f"s3://{bucket}").create("key", b"ours")


def test_a_model_is_published_although_the_answer_to_its_manifest_was_lost(
    bucket: str, s3: WSGIApplication, serve: Serve
) -> None:
    model_id = new_model_id()
    put = f"PUT /{bucket}/{model_id}/manifest.json"
    address = serve(losing(put, s3, carried_out=True))
    Registry(S3Store(bucket, client=asking_once(address))).publish(
        model_id, {"model.onnx": b"graph"}, {}
    )
    assert open_registry(f"s3://{bucket}").model(model_id).read("model.onnx") == b"graph"
    assert open_store(f"s3://{bucket}").names() == [f"{model_id}/"]


@pytest.mark.parametrize(
    ("status", "error"), [("403 Forbidden", InvalidInput), ("507 No Room", StorageFull)]
)
def test_a_model_whose_manifest_is_refused_leaves_no_files(
    status: str, error: type[SerError], bucket: str, s3: WSGIApplication, serve: Serve
) -> None:
    address = serve(refusing_where(writes_manifest, s3, status, "Refused"))
    store = S3Store(bucket, client=asking_once(address))
    with pytest.raises(error, match="Refused"):
        Registry(store).publish(new_model_id(), {"model.onnx": b"graph"}, {})
    assert store.names() == []


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        ("403 Forbidden", "AccessDenied", InvalidInput),
        ("403 Forbidden", "SignatureDoesNotMatch", InvalidInput),
        ("403 Forbidden", "QuotaExceeded", StorageFull),
        ("507 Insufficient Storage", "XMinioStorageFull", StorageFull),
        ("400 Bad Request", "RequestTimeout", RemoteFailed),
        ("409 Conflict", "ConditionalRequestConflict", RemoteFailed),
        ("500 Internal Server Error", "InternalError", RemoteFailed),
        ("503 Service Unavailable", "SlowDown", RemoteFailed),
    ],
)
def test_a_refusal_raises_the_error_of_its_kind_with_code_and_address(
    status: str, code: str, error: type[SerError], bucket: str, serve: Serve
) -> None:
    store = S3Store(bucket, "prefix", asking_once(serve(refusing(status, code))))
    with pytest.raises(error, match=f"s3://{bucket}/prefix: {code}|{bucket}/prefix failed: {code}"):
        store.check_writable()


def test_a_bucket_that_does_not_exist_is_refused_by_name(bucket: str) -> None:
    with pytest.raises(InvalidInput, match=f"s3://no-{bucket}/prefix: NoSuchBucket; allowed:"):
        open_registry(f"s3://no-{bucket}/prefix").check_writable()


def test_an_invalid_bucket_name_is_refused(bucket: str) -> None:
    with pytest.raises(InvalidInput, match="cannot use s3://no bucket"):
        open_registry("s3://no bucket").check_writable()


def test_without_credentials_the_address_is_refused(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(InvalidInput, match=f"cannot use s3://{bucket}: NoCredentialsError"):
        open_registry(f"s3://{bucket}").check_writable()


def test_an_endpoint_without_a_server_is_a_failed_remote(bucket: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = asking_once(f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(RemoteFailed, match=f"s3://{bucket} gave no answer"):
            S3Store(bucket, client=client).names()


def test_an_incomplete_answer_is_a_failed_remote(bucket: str, serve: Serve) -> None:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Response:
        start_response("200 OK", [("Content-Length", "10"), ("ETag", '"tag"')])
        return [b"half"]

    with pytest.raises(RemoteFailed, match="gave no answer"):
        S3Store(bucket, client=asking_once(serve(application))).read("key")


def test_stores_with_different_prefixes_in_a_bucket_are_separate(bucket: str) -> None:
    inner, outer = open_store(f"s3://{bucket}/a/"), open_store(f"s3://{bucket}")
    inner.create("key", b"")
    open_store(f"s3://{bucket}/ab").create("other", b"")
    assert inner.names() == ["key"]
    assert outer.names() == ["a/", "ab/"]


def test_a_prefix_cannot_lead_to_another_bucket(bucket: str) -> None:
    with pytest.raises(InvalidInput, match="allowed: a relative path"):
        open_store(f"s3://elsewhere/../{bucket}")


def test_names_come_from_all_pages_and_without_markers_of_folders(
    bucket: str, s3_address: str
) -> None:
    client = asking_once(s3_address)
    client.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: {**params, "MaxKeys": 2}
    )
    client.put_object(Bucket=bucket, Key="prefix/")
    store = S3Store(bucket, "prefix", client)
    for key in ("a", "b/c", "d", "e/f", "g"):
        store.create(key, b"")
    assert store.names() == ["a", "b/", "d", "e/", "g"]
