"""A profile is small, holds no nonsense, and grows as if all had been enrolled at once."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ser._profile import MAX_COUNT, numbers
from ser._speaker_profile import SpeakerProfile
from ser.errors import InvalidInput

DIGEST = "0f" * 32
NUMBERS = st.floats(-1000, 1000, width=32)
SOUNDS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=12)


def profile_of(sound: object) -> SpeakerProfile:
    """The profile of a sound of one chunk with the features ``sound``."""
    return SpeakerProfile.of(DIGEST, np.array([sound], np.float32))


def statistics(profile: SpeakerProfile) -> NDArray[np.float32]:
    return np.stack([numbers(profile.mean), numbers(profile.deviation)])


@given(sounds=SOUNDS, data=st.data())
def test_neither_order_nor_grouping_of_the_sounds_matters(
    sounds: list[object], data: st.DataObject
) -> None:
    together = SpeakerProfile.pooled([profile_of(sound) for sound in sounds])
    shuffled = data.draw(st.permutations(sounds))
    grown = profile_of(shuffled[0])
    group: list[SpeakerProfile] = []
    for sound in shuffled[1:]:
        group.append(profile_of(sound))
        if data.draw(st.booleans()):
            grown, group = SpeakerProfile.pooled([grown, *group]), []
    grown = SpeakerProfile.pooled([grown, *group])
    assert grown.count == together.count == len(sounds)
    np.testing.assert_allclose(statistics(grown), statistics(together), rtol=1e-5, atol=1e-3)


@given(SOUNDS)
def test_a_profile_is_the_mean_and_the_deviation_of_the_features(sounds: list[object]) -> None:
    features = np.array(sounds, np.float32).astype(np.float64)
    pooled = SpeakerProfile.pooled([profile_of(sound) for sound in sounds])
    expected = np.stack([features.mean(axis=0), features.std(axis=0)])
    np.testing.assert_allclose(statistics(pooled), expected, rtol=1e-5, atol=1e-4)


def test_the_chunks_of_a_sound_are_one_sound() -> None:
    short = SpeakerProfile.of(DIGEST, np.array([[0.0]], np.float32))
    long = SpeakerProfile.of(DIGEST, np.array([[2.0], [4.0], [6.0]], np.float32))
    pooled = SpeakerProfile.pooled([short, long])
    assert pooled.count == 2
    assert numbers(pooled.mean) == pytest.approx([2.0])
    assert numbers(pooled.deviation) == pytest.approx([np.std([0, 0, 0, 2, 4, 6])])


@given(SOUNDS)
def test_a_profile_survives_json_and_json_in_a_string(sounds: list[object]) -> None:
    profile = SpeakerProfile.pooled([profile_of(sound) for sound in sounds])
    text = msgspec.json.encode(profile).decode()
    assert SpeakerProfile.parse(json.loads(text)) == SpeakerProfile.parse(text) == profile


def test_a_profile_is_small() -> None:
    profile = SpeakerProfile.of(DIGEST, np.zeros((1, 1415), np.float32))
    assert len(msgspec.json.encode(profile)) < 16_000


def encoded(*values: float) -> str:
    return b64encode(np.array(values, "<f4").tobytes()).decode()


GOOD = {
    "front_end": DIGEST,
    "count": 3,
    "mean": encoded(1.0, -2.0, 0.0),
    "deviation": encoded(0.5, 0.0, 2.0),
}


@pytest.mark.parametrize(
    ("change", "loc", "message"),
    [
        ({"count": 0}, "count", "allowed: an integer >= 1"),
        ({"count": -3}, "count", "allowed: an integer >= 1"),
        ({"count": MAX_COUNT + 1}, "count", f"<= {MAX_COUNT}"),
        ({"count": 10**400}, "count", "allowed: an integer"),
        ({"count": 1.5}, "count", "1.5"),
        ({"mean": "not base64!"}, "mean", "allowed: a string in base64"),
        ({"mean": [1.0, 2.0, 3.0]}, "mean", "allowed: a string in base64"),
        ({"mean": encoded(1, 2, 3)[:-2]}, "mean", "allowed"),
        ({"mean": b64encode(bytes(13)).decode()}, "mean", "13 bytes"),
        ({"mean": encoded(1, np.nan, 0)}, "mean", "1 numbers such as nan"),
        ({"mean": encoded(np.inf, -np.inf, 0)}, "mean", "2 numbers such as inf"),
        ({"mean": encoded(3e38, 0, 0)}, "mean", "from -1e+12 to 1e+12"),
        ({"deviation": encoded(1, -1e-3, 0)}, "deviation", "allowed: float32 from 0"),
        ({"deviation": encoded(1, np.nan, 0)}, "deviation", "nan"),
        ({"deviation": None}, "deviation", "null"),
        ({"front_end": "0f"}, "front_end", "0f"),
        ({"front_end": 5}, "front_end", "5"),
        ({"weights": "AAAA"}, "weights", "unknown field"),
    ],
)
def test_an_invalid_value_in_a_profile_is_reported_by_field(
    change: dict[str, Any], loc: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        SpeakerProfile.parse(GOOD | change)
    assert [fault.loc for fault in caught.value.faults] == [(loc,)]
    assert message in caught.value.faults[0].msg


@pytest.mark.parametrize("value", [5, [], "", "{", "[" * 10_000, "no JSON", b"{}"])
def test_a_value_that_is_not_an_object_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="allowed: an object"):
        SpeakerProfile.parse(value)


def test_every_missing_field_is_named() -> None:
    with pytest.raises(InvalidInput) as caught:
        SpeakerProfile.parse({})
    assert [fault.loc[0] for fault in caught.value.faults] == list(GOOD)


def test_only_a_profile_of_the_same_front_end_fits() -> None:
    profile = SpeakerProfile.parse(GOOD)
    profile.require(DIGEST, 3)
    with pytest.raises(InvalidInput, match=f"front_end: .*{DIGEST}.*allowed: {'a' * 64}"):
        profile.require("a" * 64, 3)
    with pytest.raises(InvalidInput) as caught:
        profile.require(DIGEST, 4)
    assert [fault.loc for fault in caught.value.faults] == [("mean",), ("deviation",)]
    assert "12 bytes; allowed: 4 float32" in caught.value.faults[0].msg


def test_an_extended_profile_is_valid() -> None:
    full = msgspec.structs.replace(profile_of((1, 2, 3)), count=MAX_COUNT)
    wild = profile_of((1e12, -1e12, 0))
    grown = SpeakerProfile.pooled([full, wild, profile_of((-1e12, 1e12, 0))])
    assert SpeakerProfile.parse(msgspec.to_builtins(grown)) == grown
