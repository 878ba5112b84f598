"""The metadata of an utterance as columns of zeros and ones."""

from __future__ import annotations

import pytest

from ser._metadata import MetadataEncoding
from ser.errors import InvalidInput

KNOWN = [
    {"speaker": "08", "gender": "female", "text": "a01"},
    {"speaker": "03", "gender": "male", "text": ""},
]


def test_columns_have_the_order_of_fields_and_values() -> None:
    encoding = MetadataEncoding.of(("text", "speaker"), KNOWN)
    assert encoding.values == {"text": ("a01",), "speaker": ("03", "08")}
    assert encoding.size == 3
    assert encoding.encode(KNOWN[0]).tolist() == [1, 0, 1]


def test_the_columns_of_unknown_values_are_zero() -> None:
    encoding = MetadataEncoding.of(("speaker", "gender"), KNOWN)
    assert encoding.encode({}).tolist() == [0, 0, 0, 0]
    assert encoding.encode({"speaker": None, "gender": "male"}).tolist() == [0, 0, 0, 1]


def test_a_value_that_did_not_occur_in_training_is_refused_with_those_that_did() -> None:
    encoding = MetadataEncoding.of(("speaker", "gender"), KNOWN)
    with pytest.raises(InvalidInput) as caught:
        encoding.encode({"speaker": "77", "gender": "robot", "text": "ignored"})
    assert [fault.loc for fault in caught.value.faults] == [("speaker",), ("gender",)]
    assert "03, 08" in caught.value.faults[0].msg


def test_an_encoding_without_fields_has_no_columns() -> None:
    assert MetadataEncoding.of((), KNOWN).size == 0


def test_a_field_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InvalidInput, match="sex: unknown field; allowed: speaker, gender, text"):
        MetadataEncoding.of((), KNOWN).encode({"sex": "male"})
