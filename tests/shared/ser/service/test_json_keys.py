"""Keys that are given twice, in any JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.service.json_keys import require_single_keys
from ser.service.problems import UnreadableRequest

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
    require_single_keys(text, value)


@given(TEXTS, VALUES, VALUES)
def test_a_key_that_is_given_twice_is_refused_at_every_depth(
    key: str, first: Any, second: Any
) -> None:
    name = json.dumps(key)
    pair = f"{{{name}: {json.dumps(first)}, {name} : {json.dumps(second)}}}"
    for text in (pair, f'[1, {{"c": {pair}}}]'):
        with pytest.raises(UnreadableRequest, match="twice"):
            require_single_keys(text.encode(), json.loads(text))


def test_equal_keys_are_found_in_different_spellings() -> None:
    text = rb'{"audio": 1, "\u0061udio": 2}'
    with pytest.raises(UnreadableRequest, match="twice"):
        require_single_keys(text, json.loads(text))


@pytest.mark.parametrize(
    "string", [b'\\"' * 200_001, b"\\\\" * 100_000], ids=["quotes", "backslashes"]
)
def test_strings_that_take_long_to_skip_are_refused(string: bytes) -> None:
    text = b'{"a": "' + string + b'"}'
    with pytest.raises(UnreadableRequest, match="too many"):
        require_single_keys(text, json.loads(text))
