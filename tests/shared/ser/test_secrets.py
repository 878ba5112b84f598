"""Texts without secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser._secrets import KEY_PREFIX, without_secrets
from ser.errors import Fault, InvalidInput, NotFound, RemoteFailed, SerError, within

SECRET = "9c41fe0bD7aa52"
SIGNED = f"https://bucket.s3.amazonaws.com/a.zip?X-Amz-Credential=AKIA{SECRET}&X-Amz-Signature="


@pytest.mark.parametrize(
    "text",
    [
        f"{SIGNED}{SECRET} failed",
        f"'{SIGNED}{SECRET}' cannot be fetched; allowed: http(s)://host/path",
        f'{{"remote_url": "{SIGNED}{SECRET}", "data_path": "data"}}',
        f"https://storage.googleapis.com/b/k?X-Goog-Signature={SECRET}",
        f"https://account.blob.core.windows.net/c/b?sv=2024&sig={SECRET}%3D",
        f"HTTP://HOST/a#access_token={SECRET}",
        f"https://host/a?it's={SECRET}",
        f"https://me:{SECRET}@host/a.zip",
        f"ftp://{SECRET}@host/a.zip",
        f"https://me:{SECRET}?#/more@host/a.zip",
        f"https://me:{SECRET}…",
        f"/a.zip?X-Amz-Security-Token={SECRET} (Caused by ConnectTimeoutError)",
        f"GET /b/k?AWSAccessKeyId=AKIA{SECRET}&Expires=1&Signature={SECRET} HTTP/1.1",
        f"Authorization: Bearer {SECRET}",
        f"{{'Authorization': 'AWS4-HMAC-SHA256 Credential={SECRET}, Signature={SECRET}'}}",
        f"bearer {SECRET}{SECRET}",
        f"{{'x-amz-security-token': '{SECRET}'}}",
        f"the key {KEY_PREFIX}{SECRET} is unknown",
        f"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.{SECRET}",
        f"password={SECRET}",
    ],
)
def test_secrets_are_left_out_of_a_text_and_of_every_error(text: str) -> None:
    assert SECRET not in without_secrets(text)
    for error in (SerError(text), NotFound(text), InvalidInput(text), RemoteFailed(text)):
        assert SECRET not in str(error)
        assert SECRET not in error.detail
    with pytest.raises(InvalidInput) as raised, within("sources", text):
        raise InvalidInput(Fault((text,), text))
    assert SECRET not in repr(raised.value.faults)


@pytest.mark.parametrize(
    "text",
    [
        "model_id: missing; allowed: a string that is not empty",
        "SER_DASK_SCHEDULER is 'x'; allowed: tcp://host:port or tls://host:port",
        "'s3://bucket/what?.zip' is not a ZIP archive; allowed: s3://bucket/key",
        "https://host:8443/a.zip, http://[::1]:80/, and http://[::ffff:169.254.169.254]/.",
        "the bearer of this message; bearer authentication; n_estimators=10, key=value",
        "http://localhost:3000, without a path, between commas",
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert without_secrets(text) == text


def test_the_rest_of_a_message_stays_readable() -> None:
    text = f"'{SIGNED}{SECRET}' failed (see {SIGNED}{SECRET}), try again"
    assert without_secrets(text) == (
        "'https://bucket.s3.amazonaws.com/a.zip?...' failed "
        "(see https://bucket.s3.amazonaws.com/a.zip?... try again"
    )


def test_known_secrets_are_left_out_anywhere() -> None:
    assert without_secrets("no mark, but hunter2!", known=["hunter2"]) == "no mark, but ...!"


URL_TEXT = st.text("abcXYZ019-._~%!$&*+=/:@?#", max_size=12)


@given(before=URL_TEXT, after=URL_TEXT, quote=st.sampled_from(["", "'", '"', "`"]))
def test_no_query_or_password_survives_whatever_surrounds_it(
    before: str, after: str, quote: str
) -> None:
    for url in (f"https://host/{before}?q={SECRET}{after}", f"https://u:{SECRET}{after}@host/"):
        assert SECRET not in without_secrets(f"reading {quote}{url}{quote} failed")


@given(st.text(max_size=60))
def test_cleaning_twice_changes_nothing_more(text: str) -> None:
    once = without_secrets(text)
    assert without_secrets(once) == once
