"""JSON with keys that are given twice, and with too many values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser._json import decode_json
from ser.errors import InvalidInput
from ser.service.settings import Settings
from ser.service.training.request import read_train_request

TEXTS = st.text(st.sampled_from('ab"\\:{}[], \n/'), max_size=6)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_single_keys_are_accepted_however_they_are_written(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    assert decode_json(text) == value


@given(TEXTS, VALUES, VALUES)
def test_a_key_that_is_given_twice_is_refused_at_every_depth(
    key: str, first: Any, second: Any
) -> None:
    name = json.dumps(key)
    pair = f"{{{name}: {json.dumps(first)}, {name} : {json.dumps(second)}}}"
    for text in (pair, f'[1, {{"c": {pair}}}]'):
        with pytest.raises(InvalidInput, match="twice"):
            decode_json(text.encode())


def test_equal_keys_are_found_in_different_spellings() -> None:
    text = rb'{"audio": 1, "\u0061udio": 2}'
    with pytest.raises(InvalidInput, match="twice"):
        decode_json(text)


@pytest.mark.parametrize(
    "string", [b'\\"' * 200_001, b"\\\\" * 100_000], ids=["quotes", "backslashes"]
)
def test_strings_that_take_long_to_skip_are_refused(string: bytes) -> None:
    text = b'{"a": "' + string + b'"}'
    with pytest.raises(InvalidInput, match="too many"):
        decode_json(text)


def test_more_than_a_hundred_thousand_values_are_refused() -> None:
    assert len(decode_json(b"[" + b"1," * 99_998 + b"1]")) == 99_999  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"too many values; allowed: at most 100,000"):
        decode_json(b"[" + b"1," * 100_000 + b"1]")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"n_estimators": 5, "n_estimators": 6}', "a key twice"),
        ('{"n_estimators": [' + "1," * 100_000 + "1]}", "too many values"),
    ],
    ids=["key", "values"],
)
def test_json_in_a_field_follows_the_rules_of_a_body(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as error:
        read_train_request(
            {"model_type": "RandomForestClassifier", "model_config": text}, Settings()
        )
    assert ("model_config",) in [fault.loc for fault in error.value.faults]
