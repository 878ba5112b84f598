"""Files of models that must not be run, made from a small valid one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

import graphs
from ser import _wire as wire

Change = Callable[[onnx.ModelProto], None]
GRAPH, METADATA = 7, 14
"""Numbers of fields of ModelProto."""


@cache
def valid() -> bytes:
    """Return the file of a valid model."""
    return graphs.model()


def changed(*changes: Change) -> bytes:
    """Return the file of a valid model after ``changes``."""
    model = onnx.load_from_string(valid())
    for change in changes:
        change(model)
    return bytes(model.SerializeToString())


def answering(nodes: Iterable[onnx.NodeProto], *tensors: onnx.TensorProto) -> Change:
    """Return a change after which ``nodes`` compute ``probabilities``."""

    def change(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.output[:] = ["unused" if name == "probabilities" else name for name in node.output]
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(tensors)

    return change


def external(name: str, size: int) -> onnx.TensorProto:
    """Return a tensor whose values are in the file ``secret`` of the working directory."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[size])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    return tensor


def constant(tensor: onnx.TensorProto) -> onnx.NodeProto:
    node = helper.make_node("Constant", [], ["probabilities"])
    attribute = AttributeProto(name="value", type=AttributeProto.TENSOR)
    attribute.t.CopyFrom(tensor)
    node.attribute.append(attribute)
    return node


READING = answering([helper.make_node("Identity", ["x"], ["probabilities"])], external("x", 3))
"""The probabilities are three numbers of the file ``secret``."""


def integers(name: str, *values: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64), name)


def endless(model: onnx.ModelProto) -> None:
    """A scan of ten million steps; the graph has few nodes."""
    state, step = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ()) for n in ("s", "x"))
    result = helper.make_tensor_value_info("r", TensorProto.FLOAT, ())
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "x"], ["r"])], "b", [state, step], [result]
    )
    nodes = [
        helper.make_node("Range", ["first", "last", "delta"], ["steps"]),
        helper.make_node("Scan", ["first", "steps"], ["sum"], body=body, num_scan_inputs=1),
        helper.make_node("Expand", ["sum", "three"], ["probabilities"]),
    ]
    numbers = [("first", 0.0), ("last", 1e7), ("delta", 1.0)]
    tensors = [numpy_helper.from_array(np.array(n, np.float32), name) for name, n in numbers]
    answering(nodes, *tensors, integers("three", 3))(model)


def memory(values: int) -> Change:
    """A tensor of that many values, made of nothing."""
    nodes = [
        helper.make_node("ConstantOfShape", ["much"], ["zeros"]),
        helper.make_node("ReduceMax", ["zeros"], ["zero"], keepdims=0),
        helper.make_node("Expand", ["zero", "three"], ["probabilities"]),
    ]
    return answering(nodes, integers("much", values), integers("three", 3))


def nested(depth: int) -> onnx.GraphProto:
    """Return graphs in each other."""
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, None)
    node = helper.make_node("Identity", ["x"], ["y"])
    if depth > 1:
        node = helper.make_node("Scan", ["x"], ["y"], body=nested(depth - 1), num_scan_inputs=1)
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_graph([node], "g", [value], [output])


def chain(nodes: int, *, cycle: bool = False) -> onnx.NodeProto:
    """Return a tree in which each node is the child of the one before it."""
    inner = range(nodes - 1)
    last = [0 if cycle else nodes]
    return helper.make_node(
        "TreeEnsembleClassifier",
        ["features"],
        ["label", "scores"],
        domain="ai.onnx.ml",
        nodes_treeids=[0] * (2 * nodes),
        nodes_nodeids=list(range(2 * nodes)),
        nodes_featureids=[0] * (2 * nodes),
        nodes_modes=["BRANCH_LEQ"] * nodes + ["LEAF"] * nodes,
        nodes_values=[0.5] * (2 * nodes),
        nodes_truenodeids=[each + 1 for each in inner] + last + [0] * nodes,
        nodes_falsenodeids=[nodes + each for each in range(nodes)] + [0] * nodes,
        class_treeids=[0],
        class_nodeids=[nodes],
        class_ids=[0],
        class_weights=[1.0],
        classlabels_int64s=[0, 1, 2],
    )


def with_tree(node: onnx.NodeProto) -> Change:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(node)
        model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))

    return change


def with_property(name: str, value: str) -> Change:
    def change(model: onnx.ModelProto) -> None:
        (entry,) = (each for each in model.metadata_props if each.key == name)
        entry.value = value

    return change


def with_second(number: int) -> bytes:
    """Return a valid file with a further field ``number`` behind it."""
    empty = wire.encode(1, b"labels") + wire.encode(2, b"[]") if number == METADATA else b""
    return valid() + wire.encode(number, empty)
