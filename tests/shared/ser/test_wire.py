"""The reader of the wire format, compared with the package of ONNX."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

import graphs
from ser import _wire as wire

NUMBERS = st.integers(0, 2**63 - 1)


@given(st.lists(NUMBERS, max_size=5), st.text(max_size=300), st.binary(max_size=300))
def test_the_fields_of_a_tensor_are_those_that_onnx_writes(
    shape: list[int], name: str, data: bytes
) -> None:
    tensor = onnx.TensorProto(dims=shape, data_type=10, name=name, raw_data=data)
    values = wire.parse(tensor.SerializeToString())
    assert list(wire.integers(b"".join(values.get(1, [])))) == shape
    assert [list(wire.integers(each)) for each in values[2]] == [[10]]
    assert [str(each, "utf-8") for each in values[8]] == [name]
    assert values[9] == [data]


@given(st.lists(NUMBERS, max_size=5), st.text(max_size=300), st.binary(max_size=300))
def test_onnx_reads_the_fields_that_are_written(shape: list[int], name: str, data: bytes) -> None:
    parts = [wire.encode_integer(1, size) for size in shape]
    encoded = b"".join([*parts, wire.encode(8, name.encode()), wire.encode(9, data[:3], data[3:])])
    tensor = onnx.TensorProto.FromString(encoded)
    assert (list(tensor.dims), tensor.name, tensor.raw_data) == (shape, name, data)


def test_the_fields_of_a_model_joined_again_are_its_file() -> None:
    model = graphs.model()
    assert b"".join(field.whole for field in wire.fields(model)) == model


def test_values_are_not_copied() -> None:
    tensor = numpy_helper.from_array(np.arange(5000, dtype=np.float32), "tensor")
    data = tensor.SerializeToString()
    (values,) = wire.parse(data)[9]
    assert values.obj is data


def test_numbers_of_fixed_size_are_skipped() -> None:
    attribute = helper.make_attribute("alpha", 0.5)
    attribute.doc_string = "after the number"
    values = wire.parse(attribute.SerializeToString())
    assert np.frombuffer(values[2][0], "<f4") == [0.5]
    assert str(values[13][0], "utf-8") == "after the number"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x0a\x05abc", "cut in the field 1"),
        (b"\x0a", "cut in an integer"),
        (b"\x08\xff\xff", "cut in an integer"),
        (b"\x0d\x00\x00", "cut in the field 1"),
        (b"\x0b", "the type 3; allowed: 0, 1, 2, 5"),
    ],
)
def test_what_is_cut_or_in_another_format_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(wire.fields(data))
