"""A domain profile is the mean of its sounds, and fits only models with its front-end."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import msgspec
import numpy as np
import pytest

from ser._domain_profile import DomainProfile
from ser._profile import MAX_COUNT, numbers
from ser.errors import InvalidInput

DIGEST = "0f" * 32


def profile_of(*chunks: float) -> DomainProfile:
    """The profile of a sound with one feature, in each chunk."""
    return DomainProfile.of(DIGEST, np.array(chunks, np.float32)[:, None])


def stored(**changes: Any) -> str:
    return json.dumps(msgspec.to_builtins(profile_of(1.0)) | changes)


def test_every_sound_has_the_same_weight_however_they_are_grouped() -> None:
    sounds = [profile_of(0.0), profile_of(2.0, 4.0), profile_of(9.0)]
    together = DomainProfile.pooled(sounds)
    grown = DomainProfile.pooled([DomainProfile.pooled(sounds[:2]), sounds[2]])
    assert (together.count, grown.count) == (3, 3)
    assert numbers(together.mean) == pytest.approx([4.0])
    assert numbers(grown.mean) == pytest.approx([4.0])


def test_the_inputs_of_a_graph_are_mean_and_count() -> None:
    inputs = DomainProfile.pooled([profile_of(1.0), profile_of(2.0)]).inputs()
    assert {name: value.tolist() for name, value in inputs.items()} == {
        "domain_mean": [1.5],
        "domain_count": 2.0,
    }
    assert {value.dtype for value in inputs.values()} == {np.dtype(np.float32)}


def test_the_count_stays_valid_after_pooling() -> None:
    large = DomainProfile.parse(stored(count=MAX_COUNT))
    assert DomainProfile.pooled([large, large]).count == MAX_COUNT


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"count": 0}, "count"),
        ({"front_end": "0f"}, "front_end"),
        ({"mean": b64encode(b"abc").decode()}, "mean"),
        ({"mean": b64encode(np.float32(np.nan).tobytes()).decode()}, "mean"),
        ({"mean": b64encode(np.float32(1e30).tobytes()).decode()}, "mean"),
        ({"deviation": ""}, "deviation"),
    ],
)
def test_an_invalid_field_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        DomainProfile.parse(stored(**changes))
    assert [fault.loc for fault in caught.value.faults] == [(field,)]


def test_a_profile_of_another_front_end_or_size_is_refused_with_what_to_do() -> None:
    profile = profile_of(1.0)
    profile.require(DIGEST, 1)
    with pytest.raises(InvalidInput, match="Enrol the domain again with this model"):
        profile.require("a1" * 32, 1)
    with pytest.raises(InvalidInput, match="4 bytes; allowed: 2 float32"):
        profile.require(DIGEST, 2)
