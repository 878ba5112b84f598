"""Files of unknown origin are inspected before anything runs them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

import foreign
from ser.encoders._inspection import inspect
from ser.errors import InvalidInput

SECRET = np.arange(foreign.WIDTH * foreign.WIDTH, dtype=np.float32)


def external(tensor: onnx.TensorProto) -> None:
    """Make ``tensor`` refer to the file ``secret`` in the working directory."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")


def in_initializer(model: onnx.ModelProto) -> None:
    external(next(each for each in model.graph.initializer if each.name == "matrix"))


def in_constant(model: onnx.ModelProto) -> None:
    tensor = foreign.weights("constant", 2)
    external(tensor)
    node = helper.make_node("Constant", [], ["constant"])
    attribute = AttributeProto(name="value", type=AttributeProto.TENSOR)
    attribute.t.CopyFrom(tensor)
    node.attribute.append(attribute)
    model.graph.node.append(node)


def in_sparse_initializer(model: onnx.ModelProto) -> None:
    values = foreign.weights("sparse", 2)
    indices = numpy_helper.from_array(np.array([0, 1]), "indices")
    sparse = helper.make_sparse_tensor(values, indices, [4])
    external(sparse.values)
    model.graph.sparse_initializer.append(sparse)


def without_location(model: onnx.ModelProto) -> None:
    """Entries of external data count even if the field for the location is not set."""
    model.graph.initializer[0].external_data.add(key="location", value="secret")


@pytest.mark.parametrize(
    "hide", [in_initializer, in_constant, in_sparse_initializer, without_location]
)
def test_data_in_another_file_are_refused(
    hide: Callable[[onnx.ModelProto], None], bounds: Path
) -> None:
    (bounds / "secret").write_bytes(SECRET.tobytes())
    model = foreign.waveform_encoder()
    hide(model)
    with pytest.raises(InvalidInput, match=r"in another file \('secret'\); allowed"):
        inspect(model.SerializeToString())


def body() -> onnx.GraphProto:
    output = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node("Relu", ["x"], ["inner"])], "body", [], [output])


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (helper.make_node("If", ["c"], ["y"], then_branch=body(), else_branch=body()), "'If'"),
        (helper.make_node("Loop", ["", "c"], ["y"], body=body()), "'Loop'"),
        (helper.make_node("Scan", ["x"], ["y"], body=body(), num_scan_inputs=1), "'Scan'"),
        (helper.make_node("Relu", ["x"], ["y"], hidden=body()), "'Relu' with a subgraph"),
        (helper.make_node("SequenceConstruct", ["x"], ["y"]), "'SequenceConstruct'"),
        (helper.make_node("SplitToSequence", ["x"], ["y"]), "'SplitToSequence'"),
        (helper.make_node("Optional", ["x"], ["y"]), "'Optional'"),
        (helper.make_node("RandomNormalLike", ["x"], ["y"]), "'RandomNormalLike'"),
        (helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft"), "'com.microsoft'"),
    ],
)
def test_operators_without_use_in_an_encoder_are_refused(
    node: onnx.NodeProto, message: str
) -> None:
    model = foreign.waveform_encoder()
    node.name = "odd"
    model.graph.node.append(node)
    with pytest.raises(InvalidInput, match=f"the node 'odd' is .*{message}.*allowed"):
        inspect(model.SerializeToString())


def test_local_functions_are_refused() -> None:
    model = foreign.waveform_encoder()
    inner = [helper.make_node("Relu", ["x"], ["y"])]
    model.functions.append(
        helper.make_function("own", "Mine", ["x"], ["y"], inner, model.opset_import)
    )
    with pytest.raises(InvalidInput, match=r"local functions \(Mine\); allowed: none"):
        inspect(model.SerializeToString())


def sequence(name: str) -> onnx.ValueInfoProto:
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    return helper.make_value_info(name, helper.make_sequence_type_proto(tensor))


def test_values_that_are_not_tensors_are_refused() -> None:
    model = foreign.waveform_encoder()
    model.graph.output.append(sequence("list"))
    with pytest.raises(InvalidInput, match="'list' is of type sequence; allowed: tensors"):
        inspect(model.SerializeToString())


def test_a_second_input_is_refused_unless_it_has_a_default() -> None:
    model = foreign.waveform_encoder()
    second = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1])
    model.graph.input.append(second)
    with pytest.raises(InvalidInput, match=r"2 inputs \(sound, mask\); allowed: one"):
        inspect(model.SerializeToString())
    model.graph.initializer.append(foreign.weights("mask", 1))
    assert inspect(model.SerializeToString()) == model


def test_an_input_in_half_precision_is_refused() -> None:
    model = foreign.waveform_encoder()
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    with pytest.raises(InvalidInput, match="'sound' is float16; allowed: float"):
        inspect(model.SerializeToString())


@pytest.mark.parametrize(
    "data", [b"", b"no model", pickle.dumps({"weights": [1.0]}), b"PK\x03\x04" + bytes(100)]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput, match="not a valid ONNX file: it begins with b"):
        inspect(data)


def test_a_cut_file_is_refused() -> None:
    data = foreign.waveform_encoder().SerializeToString()
    with pytest.raises(InvalidInput, match="not a valid ONNX file"):
        inspect(data[: len(data) // 2])
