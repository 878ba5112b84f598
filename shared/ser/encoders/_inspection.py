"""Inspection of ONNX files of unknown origin, before anything runs them.

onnxruntime reads external data of a model from the working directory, and loops or random values
make the duration or the result of a run unpredictable; encoders need none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import onnx

from ser._schemas import shortened
from ser.errors import InvalidInput
from ser.sealing import OPERATORS

DOMAINS = ("", "ai.onnx.ml")
CONTROL = ("Loop", "If", "Scan")
FORBIDDEN = re.compile(
    f"{'|'.join(CONTROL)}|.*Sequence.*|Optional.*"
    "|Random(Normal|Uniform)(Like)?|Multinomial|Bernoulli"
)
"""Operators that are refused: control flow, values that are not tensors, and random values."""


def inspect(data: bytes) -> onnx.ModelProto:
    """Return the model in ``data``, the bytes of an ONNX file.

    Raises
    ------
    InvalidInput
        ``data`` is not a valid ONNX file; it refers to other files; it has local functions, other
        domains than :data:`DOMAINS`, subgraphs or forbidden operators; or it has other inputs than
        one tensor in float32.
    """
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception as error:
        # DecodeError of protobuf, which is no dependency of this project by itself.
        raise no_model(data, str(error)) from error
    if not model.graph.node:
        raise no_model(data, "it has no nodes")
    refuse_functions(model)
    for node in model.graph.node:
        refuse_node(node)
    for tensor in (*tensors(model.graph), *attribute_tensors(model.graph)):
        refuse_external(tensor)
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        refuse_type(value)
    refuse_inputs(model.graph)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise no_model(data, str(error)) from error
    return model


def no_model(data: bytes, reason: str) -> InvalidInput:
    """Return the error for a file that is not a model."""
    return InvalidInput(
        f"not a valid ONNX file: it begins with {data[:16]!r} and has {len(data):,} bytes "
        f"({shortened(' '.join(reason.split()), 300)}); allowed: an ONNX file"
    )


def refuse_functions(model: onnx.ModelProto) -> None:
    """Raise :class:`InvalidInput` if the model has parts besides its graph."""
    if model.functions:
        names = shortened(", ".join(function.name for function in model.functions))
        raise InvalidInput(f"it has local functions ({names}); allowed: none, export them inline")
    if model.training_info:
        raise InvalidInput("it has graphs for training; allowed: none")


def refuse_node(node: onnx.NodeProto) -> None:
    """Raise :class:`InvalidInput` if the operator of ``node`` is not allowed."""
    shown = f"the node {shortened(node.name)!r} is"
    if node.domain not in DOMAINS:
        raise InvalidInput(
            f"{shown} {shortened(node.op_type)!r} of the domain {shortened(node.domain)!r}; "
            "allowed: '' and 'ai.onnx.ml'"
        )
    if FORBIDDEN.fullmatch(node.op_type):
        raise InvalidInput(
            f"{shown} {shortened(node.op_type)!r}; allowed: operators on tensors "
            "without control flow, sequences, optional and random values"
        )
    subgraphs = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    if any(each.type in subgraphs or each.HasField("g") or each.graphs for each in node.attribute):
        raise InvalidInput(f"{shown} {shortened(node.op_type)!r} with a subgraph; allowed: none")


def refuse_operators(model: onnx.ModelProto) -> None:
    """Raise :class:`InvalidInput` if a model with this encoder would be refused when it is loaded:
    for an operator that is not in :data:`ser.sealing.OPERATORS`."""
    if others := sorted({(node.domain, node.op_type) for node in model.graph.node} - OPERATORS):
        names = shortened(", ".join(name for _, name in others))
        allowed = ", ".join(sorted(name for domain, name in OPERATORS if not domain))
        raise InvalidInput(f"it has the operators {names}; allowed: {allowed}")


def tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield the tensors of the initializers."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)


def attribute_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield the tensors in the attributes of nodes, such as those of ``Constant``."""
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def refuse_external(tensor: onnx.TensorProto) -> None:
    """Raise :class:`InvalidInput` if the data of ``tensor`` are in another file."""
    if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
        places = [each.value for each in tensor.external_data if each.key == "location"]
        raise InvalidInput(
            f"the data of {shortened(tensor.name)!r} are in another file "
            f"({shortened(', '.join(places))!r}); allowed: a file with all of its data"
        )


def refuse_type(value: onnx.ValueInfoProto) -> None:
    """Raise :class:`InvalidInput` if ``value`` is not a tensor."""
    if value.type.WhichOneof("value") not in (None, "tensor_type"):
        kind = value.type.WhichOneof("value").removesuffix("_type").replace("_", " ")
        raise InvalidInput(f"{shortened(value.name)!r} is of type {kind}; allowed: tensors")


def refuse_inputs(graph: onnx.GraphProto) -> None:
    """Raise :class:`InvalidInput` unless the graph has one input without a default."""
    required = required_inputs(graph)
    if len(required) != 1:
        names = shortened(", ".join(value.name for value in required)) or "none"
        raise InvalidInput(f"it has {len(required)} inputs ({names}); allowed: one")
    (value,) = required
    kind = value.type.tensor_type.elem_type
    if kind != onnx.TensorProto.FLOAT:
        name = onnx.TensorProto.DataType.Name(kind).lower()
        raise InvalidInput(f"its input {shortened(value.name)!r} is {name}; allowed: float")


def required_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Return the inputs without defaults."""
    defaults = {tensor.name for tensor in graph.initializer}
    defaults |= {sparse.values.name for sparse in graph.sparse_initializer}
    return [value for value in graph.input if value.name not in defaults]
