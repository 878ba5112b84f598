"""Base64 in the dialects in which programs write it."""

from __future__ import annotations

from base64 import b64encode, encodebytes, urlsafe_b64encode
from textwrap import fill

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.errors import InvalidInput
from ser.service.base64_dialects import decode_base64

PREFIXES = ("", "data:;base64,", "data:audio/webm;codecs=opus;base64,", " DATA:audio/wav;BASE64,")


@given(
    data=st.binary(max_size=300),
    urlsafe=st.booleans(),
    padded=st.booleans(),
    width=st.sampled_from([0, 4, 7, 64, 76]),
    newline=st.sampled_from(["\n", "\r\n", " ", "\t"]),
    prefix=st.sampled_from(PREFIXES),
)
def test_every_dialect_decodes_to_the_bytes_that_were_encoded(
    data: bytes, urlsafe: bool, padded: bool, width: int, newline: str, prefix: str
) -> None:
    text = (urlsafe_b64encode if urlsafe else b64encode)(data).decode()
    text = text if padded else text.rstrip("=")
    text = fill(text, width).replace("\n", newline) + newline if width else text
    assert decode_base64(prefix + text) == data


def test_the_lines_of_mail_programs_are_joined() -> None:
    assert decode_base64(encodebytes(bytes(range(256))).decode()) == bytes(range(256))


@given(
    data=st.binary(min_size=3),
    at=st.integers(min_value=0),
    foreign=st.characters(
        blacklist_characters=" \t\r\n\f\v+/-_=", blacklist_categories=("Lu", "Ll", "Nd", "Cs")
    ),
)
def test_the_first_foreign_character_is_named_with_its_position(
    data: bytes, at: int, foreign: str
) -> None:
    text = b64encode(data).decode().rstrip("=")
    at %= len(text)
    with pytest.raises(InvalidInput) as refused:
        decode_base64(text[:at] + foreign + text[at:])
    assert f"{foreign!r} at position {at} " in refused.value.detail


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AAAA=AAA", "'=' at position 4"),
        ("data:text/plain;base64,AA*A", "'*' at position 25"),
        ("AA\ud800A", "'\\ud800' at position 2"),
        ("AAAAA", "5 characters do not encode whole bytes"),
        ("data:audio/wav,AAAA", "a data URL without base64"),
        ("data:audio/wav;base64", "':' at position 4"),
        ("file.wav", "'.' at position 4"),
    ],
)
def test_a_value_that_is_not_base64_is_refused_by_its_first_fault(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_base64(text)
    assert message in refused.value.detail
    assert "allowed: base64" in refused.value.detail
