"""Storage of a model in few bytes: large weights in half precision, where that changes none of
them, and short names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import count

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FEWEST = 4096
"""Number of values from which a tensor is packed; in smaller ones, there is nothing to save."""


def pack(model: onnx.ModelProto) -> None:
    """Store the large weights of ``model`` in half precision, each once, at the top of its graph.

    A weight is an initializer, also one of a subgraph, in single precision. It is packed if half
    precision represents all of its values exactly. A ``Cast`` expands it again, which runtimes
    evaluate when they load the file, and :mod:`ser._weights` earlier.
    """
    packed: dict[str, NDArray[np.float16]] = {}
    move_weights(model.graph, packed, {})
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for name, half in packed.items():
        source = f"{name}.half"
        model.graph.initializer.append(numpy_helper.from_array(half, source))
        model.graph.node.append(helper.make_node("Cast", [source], [name], to=TensorProto.FLOAT))
    model.graph.node.extend(nodes)


def move_weights(
    graph: onnx.GraphProto, packed: dict[str, NDArray[np.float16]], outer: Mapping[str, str]
) -> None:
    """Move the large weights of ``graph`` and of its subgraphs to ``packed``, by new names.

    ``outer`` has the new names of the weights of the graphs around ``graph``.
    """
    # A default of an input and the value of an output keep their names.
    fixed = {value.name for value in (*graph.input, *graph.output)}
    renamed = dict(outer)
    kept = []
    for tensor in graph.initializer:
        half = None if tensor.name in fixed else exact_half(tensor)
        if half is None:
            kept.append(tensor)
        else:
            renamed[tensor.name] = name_of(half)
            packed[name_of(half)] = half
    del graph.initializer[:]
    graph.initializer.extend(kept)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        for subgraph in subgraphs(node):
            move_weights(subgraph, packed, renamed)


def exact_half(tensor: onnx.TensorProto) -> NDArray[np.float16] | None:
    """Return ``tensor`` in half precision; ``None`` if it is small, or would change."""
    if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < FEWEST:
        return None
    values = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore", invalid="ignore"):
        half = values.astype(np.float16)
    # Bytes, because NaN differs from itself and 0 equals -0.
    return half if half.astype(np.float32).tobytes() == values.tobytes() else None


def name_of(half: NDArray[np.float16]) -> str:
    """Return a name that only equal tensors have."""
    return "weights." + hashlib.sha256(repr(half.shape).encode() + half.tobytes()).hexdigest()


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def shorten_names(model: onnx.ModelProto) -> None:
    """Give the values inside ``model`` short names; its inputs and outputs keep theirs.

    Programs that build graphs name each value after all the functions around it, which takes a
    tenth of the file of a small model.
    """
    kept = {value.name: value.name for value in (*model.graph.input, *model.graph.output)}
    rename(model.graph, kept, map("v{}".format, count()))


def rename(graph: onnx.GraphProto, outer: Mapping[str, str], unused: Iterator[str]) -> None:
    """Rename the values of ``graph`` and of its subgraphs.

    ``outer`` has the new names of the values that are known already.
    """
    names = dict(outer)

    def new_name(name: str) -> str:
        # An output that is not needed has no name.
        if name and name not in names:
            names[name] = next(unused)
        return names.get(name, name)

    for value in (*graph.initializer, *graph.input):
        value.name = new_name(value.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [new_name(name) for name in node.input]
        for subgraph in subgraphs(node):
            rename(subgraph, names, unused)
        node.output[:] = [new_name(name) for name in node.output]
    for value in graph.output:
        value.name = new_name(value.name)
    del graph.value_info[:]
