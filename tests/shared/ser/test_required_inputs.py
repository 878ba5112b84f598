"""Copies of models whose optional inputs are required."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

import graphs
from ser._required_inputs import require_inputs


def session(data: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


def test_zeros_for_the_required_inputs_give_the_answer_of_the_defaults() -> None:
    data = graphs.model(takes_profile=True, takes_domain=True)
    original, copy = session(data), session(require_inputs(data))
    optional = {each.name for each in original.get_overridable_initializers()}
    assert {each.name for each in copy.get_inputs()} == optional | {
        each.name for each in original.get_inputs()
    }
    given_inputs = {"waveform": np.linspace(-0.5, 0.5, 16_000, dtype=np.float32)}
    for each in original.get_inputs():
        if each.name != "waveform":
            given_inputs[each.name] = np.zeros(each.shape, np.float32)
    zeros = {
        each.name: np.zeros(each.shape, np.float32)
        for each in copy.get_inputs()
        if each.name in optional
    }
    expected = original.run(["probabilities"], given_inputs)[0]
    np.testing.assert_array_equal(copy.run(["probabilities"], given_inputs | zeros)[0], expected)


def test_a_model_without_optional_inputs_stays_as_it_is() -> None:
    data = graphs.model(takes_profile=False)
    assert session(data).get_overridable_initializers() == []
    assert require_inputs(data) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"no model", "a field has the type 6"), (b"\x3a\xff", "the file is cut")],
    ids=["text", "cut"],
)
def test_other_bytes_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_inputs(data)
