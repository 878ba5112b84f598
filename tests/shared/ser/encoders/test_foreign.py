"""Encoders are fetched under the rules of access, and checked against their digest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

import foreign
from ser.encoders import EncoderSources
from ser.errors import InvalidInput, TooLarge
from ser.limits import Limit, Limits
from ser.service.access import Access
from ser.service.settings import Settings

ENCODER = foreign.waveform_encoder()
DATA = ENCODER.SerializeToString()
SHA256 = hashlib.sha256(DATA).hexdigest()
OTHER = "0" * 64


@pytest.fixture
def web(serve: Any) -> str:
    """The address of the encoder on a server."""
    return f"{serve(Request.application(lambda _: Response(DATA)))}/encoder.onnx?token=secret"


def sources(bounds: Path, **others: Any) -> EncoderSources:
    settings = Settings(allowed_paths=(bounds,), allowed_hosts=frozenset({"127.0.0.1"}))
    return EncoderSources(**{"cache": None, "access": Access(settings)} | others)


def faults(caught: pytest.ExceptionInfo[InvalidInput]) -> list[tuple[str | int, ...]]:
    return [fault.loc for fault in caught.value.faults]


def test_a_local_file_is_opened_with_its_origin(bounds: Path) -> None:
    (bounds / "encoder.onnx").write_bytes(DATA)
    for digest in (None, SHA256):
        model = sources(bounds).open("encoder.onnx", digest)
        assert model.graph == ENCODER.graph
        assert {each.key: each.value for each in model.metadata_props} == {
            "origin": "encoder.onnx",
            "digest": SHA256,
        }


def test_another_digest_is_refused(bounds: Path) -> None:
    (bounds / "encoder.onnx").write_bytes(DATA)
    with pytest.raises(InvalidInput, match=f"sha256: {OTHER} is not .*allowed: {SHA256}") as caught:
        sources(bounds).open("encoder.onnx", OTHER)
    assert faults(caught) == [("sha256",)]


def test_an_address_on_the_web_demands_its_digest(bounds: Path, web: str) -> None:
    with pytest.raises(InvalidInput, match=r"sha256: missing; .*allowed") as caught:
        sources(bounds).check(web)
    assert "secret" not in str(caught.value)
    with pytest.raises(InvalidInput, match="sha256: missing"):
        sources(bounds).open(web)
    model = sources(bounds).open(web, SHA256)
    assert model.graph == ENCODER.graph
    assert "secret" not in str(model.metadata_props)


def test_an_object_in_a_bucket_is_opened(
    bounds: Path,
    bucket: str,
    client: Any,
    s3_address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.put_object(Bucket=bucket, Key="encoder.onnx", Body=DATA)
    for name, value in {
        "AWS_ENDPOINT_URL": s3_address,
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    assert sources(bounds).open(f"s3://{bucket}/encoder.onnx").graph == ENCODER.graph


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "whisper-bse",
            "does not exist.*allowed: whisper-tiny, whisper-base, whisper-small, the path",
        ),
        ("folder", "does not exist, or is not a file"),
        ("../outside.onnx", "outside of SER_ALLOWED_PATHS"),
        ("link.onnx", "outside of SER_ALLOWED_PATHS"),
        ("ftp://host/encoder.onnx", "cannot be fetched; allowed: http"),
        ("s3://bucket", "names no object"),
    ],
)
def test_a_wrong_place_is_refused_before_anything_is_read(
    source: str, message: str, bounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "encoder.onnx"
    outside.write_bytes(DATA)
    (bounds / "link.onnx").symlink_to(outside)
    (bounds / "folder").mkdir()
    with pytest.raises(InvalidInput, match=message) as caught:
        sources(bounds).check(source, SHA256)
    assert faults(caught) == [("source",)]


def test_a_private_address_is_refused(web: str, bounds: Path) -> None:
    strict = EncoderSources(cache=None, access=Access(Settings(allowed_paths=(bounds,))))
    with pytest.raises(InvalidInput, match=r"source: host '127.0.0.1' has no public address"):
        strict.open(web, SHA256)


def test_a_file_above_the_limit_is_refused(bounds: Path) -> None:
    (bounds / "encoder.onnx").write_bytes(DATA)
    limits = Limits(download_bytes=Limit(100, "SER_MAX_DOWNLOAD_MB"))
    with pytest.raises(TooLarge, match=r"allowed: 100 \(SER_MAX_DOWNLOAD_MB\)"):
        sources(bounds, limits=limits).open("encoder.onnx")


def test_a_file_with_a_digest_is_fetched_once(bounds: Path) -> None:
    cache = bounds / "cache"
    kept = sources(bounds, cache=cache)
    (bounds / "encoder.onnx").write_bytes(DATA)
    kept.open("encoder.onnx", SHA256)
    (bounds / "encoder.onnx").write_bytes(b"changed")
    assert kept.open("encoder.onnx", SHA256).graph == ENCODER.graph
    (file,) = cache.iterdir()
    file.write_bytes(b"damaged")
    with pytest.raises(InvalidInput, match="sha256: "):
        kept.open("encoder.onnx", SHA256)
