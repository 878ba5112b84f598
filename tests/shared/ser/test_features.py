"""Named features, and their conversion to a frame of pandas."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ser import Features

ARRAY: Any = np.arange(6.0).reshape(3, 2)


def test_features_hold_float32_that_cannot_be_changed() -> None:
    features = Features(
        ARRAY, ("level", "peak"), sounds=np.array([0, 0, 1]), times=np.array([0, 1.5, 0])
    )
    assert features.array.dtype == np.float32
    assert features.names == ("level", "peak")
    assert len(features) == 3
    assert features.sounds is not None
    assert features.times is not None
    for array in (features.array, features.sounds, features.times):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        features.names = ()  # type: ignore[misc]


def test_the_text_of_features_shows_their_size_and_first_names() -> None:
    assert repr(Features(ARRAY[:1], ("a", "b"))) == "Features(1 row, 2 features: a, b)"
    wide = Features(np.zeros((2, 6), np.float32), tuple("abcdef"))
    assert repr(wide) == "Features(2 rows, 6 features: a, b, c, d, ...)"


@pytest.mark.parametrize(
    ("names", "more", "message"),
    [
        (("a",), {}, r"1 names for features of shape \(3, 2\)"),
        (("a", "b"), {"sounds": [0, 1]}, r"sounds of shape \(2,\) for 3 rows"),
        (("a", "b"), {"times": [[0, 1, 2]]}, r"times of shape \(1, 3\) for 3 rows"),
    ],
)
def test_shapes_that_do_not_fit_together_are_refused(
    names: tuple[str, ...], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Features(ARRAY, names, **more)


def test_without_pandas_a_frame_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas.*pip install pandas"):
        Features(ARRAY, ("a", "b")).to_frame()


@pytest.mark.parametrize(
    ("more", "levels"),
    [
        ({}, None),
        ({"sounds": [0, 0, 1]}, ["sound"]),
        ({"times": [0.0, 1.5, 0.0]}, ["seconds"]),
        ({"sounds": [0, 0, 1], "times": [0.0, 1.5, 0.0]}, ["sound", "seconds"]),
    ],
)
def test_a_frame_has_a_column_for_each_feature_and_an_index_of_sounds_and_levels(
    more: dict[str, Any], levels: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for pandas records its arguments, since pandas is an optional dependency."""
    pandas: Any = ModuleType("pandas")
    pandas.DataFrame = lambda array, columns, index: SimpleNamespace(
        array=array, columns=columns, index=index
    )
    pandas.Index = lambda values, name: [name]
    pandas.MultiIndex = SimpleNamespace(from_arrays=lambda arrays, names: names)
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    frame: Any = Features(ARRAY, ("a", "b"), **more).to_frame()
    assert frame.columns == ["a", "b"]
    assert frame.index == levels
    np.testing.assert_array_equal(frame.array, ARRAY)
