"""What is known of an utterance, as columns of zeros and ones."""

from __future__ import annotations

import pytest

from ser._metadata import MetadataEncoding
from ser.errors import InvalidInput

KNOWN = [
    {"speaker": "08", "gender": "female", "text": "a01"},
    {"speaker": "03", "gender": "male", "text": ""},
]


def test_columns_stand_in_the_order_of_fields_and_values() -> None:
    encoding = MetadataEncoding.of(("text", "speaker"), KNOWN)
    assert encoding.values == {"text": ("a01",), "speaker": ("03", "08")}
    assert encoding.size == 3
    assert encoding.encode(KNOWN[0]).tolist() == [1, 0, 1]


def test_what_is_not_known_is_zeros() -> None:
    encoding = MetadataEncoding.of(("speaker", "gender"), KNOWN)
    assert encoding.encode({}).tolist() == [0, 0, 0, 0]
    assert encoding.encode({"speaker": None, "gender": "male"}).tolist() == [0, 0, 0, 1]


def test_a_value_never_met_is_refused_with_those_that_were() -> None:
    encoding = MetadataEncoding.of(("speaker", "gender"), KNOWN)
    with pytest.raises(InvalidInput) as caught:
        encoding.encode({"speaker": "77", "gender": "robot", "text": "ignored"})
    assert [fault.loc for fault in caught.value.faults] == [("speaker",), ("gender",)]
    assert "03, 08" in caught.value.faults[0].msg


def test_no_fields_have_no_columns() -> None:
    assert MetadataEncoding.of((), KNOWN).size == 0
