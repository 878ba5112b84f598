"""The rules for the file of a model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ser.sealing import _messages as messages
from ser.sealing._operators import OPERATORS
from ser.sealing._reading import CONTINUED, Message, Span, UnsafeModel, read, text
from ser.sealing._trees import refuse_deep_trees

MAX_BYTES = 2**31 - 1
"""Maximum size of a file, which is that of a message of protobuf."""
IR_VERSIONS = range(7, 14)
OPSETS = {"": range(13, 18), "ai.onnx.ml": range(1, 4)}
"""Versions of the operator sets by domain; there are no other domains."""
MAX_NODES = 100_000
MAX_DEPTH = 4
"""Maximum number of graphs in each other."""
MAX_NAME = 4096
"""Maximum length of a name in bytes."""
MAX_METADATA = 32_000_000
"""Maximum length of a text in the metadata in bytes."""
MAX_RANK = 8

GRAPH_ATTRIBUTE = 5
WITH_SUBGRAPH = "Scan"
FLOAT, UINT8, INT8, INT32, INT64, BOOL, FLOAT16, DOUBLE = 1, 2, 3, 6, 7, 9, 10, 11
ITEM_BYTES = {FLOAT: 4, UINT8: 1, INT8: 1, INT32: 4, INT64: 8, BOOL: 1, FLOAT16: 2, DOUBLE: 8}
"""Size of a value by type of a tensor; there are no other types."""
TYPED = {
    "float_data": ((FLOAT,), 4),
    "double_data": ((DOUBLE,), 8),
    "int32_data": ((INT32, UINT8, INT8, BOOL, FLOAT16), 0),
    "int64_data": ((INT64,), 0),
    "uint64_data": ((), 0),
}
"""Types of tensors by the field of their values, and the size of a value, 0: a varint."""


class Value(NamedTuple):
    """An input or an output of a model."""

    name: str
    kind: int
    """Number of the type in onnx.proto, 1: float32, 9: bool."""
    shape: tuple[int | None, ...]
    """Dimensions; ``None``: of any size."""


class InspectedModel(NamedTuple):
    """The parts of a file that a reader of the model needs."""

    inputs: tuple[Value, ...]
    """All inputs without a default."""
    options: tuple[Value, ...]
    """All inputs with a default."""
    outputs: tuple[Value, ...]
    metadata: dict[str, str]


def inspect_model(data: bytes) -> InspectedModel:
    """Return the inputs, outputs and metadata of the model in ``data``, the bytes of a file.

    Raises
    ------
    UnsafeModel
        The file is not an ONNX file, or is one that must not be run.
    """
    if len(data) > MAX_BYTES:
        raise UnsafeModel(f"the file has {len(data):,} bytes; allowed: {MAX_BYTES:,}")
    model = read(data, (0, len(data)), messages.MODEL)
    if model.get("ir_version") not in IR_VERSIONS:
        raise UnsafeModel(
            f"its IR version is {model.get('ir_version')}; "
            f"allowed: {IR_VERSIONS[0]} to {IR_VERSIONS[-1]}"
        )
    domains = opsets(data, model)
    metadata = dict(entries(data, model))
    if len(metadata) != len(model.get("metadata_props", [])):
        raise UnsafeModel("its metadata have a name twice")
    if "graph" not in model:
        raise UnsafeModel("it has no graph")
    inspection = Inspection(data, domains)
    graph, defaults = inspection.graph(model["graph"], depth=1)
    inputs = [inspection.value(span) for span in graph.get("input", [])]
    return InspectedModel(
        tuple(value for value in inputs if value.name not in defaults),
        tuple(value for value in inputs if value.name in defaults),
        tuple(inspection.value(span) for span in graph.get("output", [])),
        metadata,
    )


def opsets(data: bytes, model: Message) -> frozenset[str]:
    """Return the domains of operators that ``model`` imports."""
    domains: set[str] = set()
    for span in model.get("opset_import", []):
        opset = read(data, span, messages.OPSET)
        domain = text(data, opset.get("domain", (0, 0)), MAX_NAME)
        version = opset.get("version", 0)
        if domain not in OPSETS or domain in domains:
            raise UnsafeModel(f"it imports the domain {domain[:80]!r}; allowed: '', 'ai.onnx.ml'")
        if version not in OPSETS[domain]:
            allowed = f"{OPSETS[domain][0]} to {OPSETS[domain][-1]}"
            raise UnsafeModel(f"the opset of {domain!r} is {version}; allowed: {allowed}")
        domains.add(domain)
    return frozenset(domains)


def entries(data: bytes, message: Message) -> Iterator[tuple[str, str]]:
    """Yield the metadata of a message."""
    for span in message.get("metadata_props", []):
        entry = read(data, span, messages.ENTRY)
        key = text(data, entry.get("key", (0, 0)), MAX_NAME)
        yield key, text(data, entry.get("value", (0, 0)), MAX_METADATA)


class Inspection:
    """The inspection of one file.

    Parameters
    ----------
    domains
        The domains of operators that the file imports.
    """

    def __init__(self, data: bytes, domains: frozenset[str]) -> None:
        self._data = data
        # Compared as bytes: to decode every name would take longer than to read it.
        self._operators = {
            (domain.encode(), name.encode()) for domain, name in OPERATORS if domain in domains
        }
        self._nodes = 0

    def graph(self, span: Span, depth: int) -> tuple[Message, set[str]]:
        """Return a graph after the inspection of its nodes and tensors, and the names of its
        initializers."""
        if depth > MAX_DEPTH:
            raise UnsafeModel(f"graphs are nested; allowed: {MAX_DEPTH} in each other")
        graph = read(self._data, span, messages.GRAPH)
        nodes = graph.get("node", [])
        self._nodes += len(nodes)
        if self._nodes > MAX_NODES:
            raise UnsafeModel(f"it has more than {MAX_NODES:,} nodes; allowed: {MAX_NODES:,}")
        for each in nodes:
            self._refuse_node(each, depth)
        names: set[str] = set()
        for each in graph.get("initializer", []):
            tensor = read(self._data, each, messages.TENSOR)
            names.add(name := self.name(tensor))
            refuse_tensor(self._data, tensor, name)
        if len(names) < len(graph.get("initializer", [])):
            raise UnsafeModel("two initializers have the same name")
        for field in ("input", "output", "value_info"):
            for each in graph.get(field, []):
                self.value(each)
        return graph, names

    def name(self, message: Message) -> str:
        """Return the name of a node, tensor or value."""
        return text(self._data, message.get("name", (0, 0)), MAX_NAME)

    def value(self, span: Span) -> Value:
        """Return an input or output; :class:`UnsafeModel` is raised if it is no tensor."""
        value = read(self._data, span, messages.VALUE)
        kind, shape = 0, []
        if "type" in value:
            outer = read(self._data, value["type"], messages.TYPE)
            if "tensor_type" in outer:
                inner = read(self._data, outer["tensor_type"], messages.TENSOR_TYPE)
                kind = inner.get("elem_type", 0)
                if "shape" in inner:
                    shape = read(self._data, inner["shape"], messages.SHAPE).get("dim", [])
        if len(shape) > MAX_RANK:
            raise UnsafeModel(f"{self.name(value)!r} has {len(shape)} dimensions")
        return Value(self.name(value), kind, tuple(map(self._dimension, shape)))

    def _dimension(self, span: Span) -> int | None:
        dimension = read(self._data, span, messages.DIMENSION)
        if {"dim_value", "dim_param"} <= dimension.keys():
            raise UnsafeModel("a dimension has a number and a name")
        return dimension.get("dim_value")

    def _refuse_node(self, span: Span, depth: int) -> None:
        data = self._data
        node = read(data, span, messages.NODE)
        domain, operator = (data[slice(*node.get(name, (0, 0)))] for name in ("domain", "op_type"))
        if (domain, operator) not in self._operators:
            raise UnsafeModel(
                f"it has the operator {operator[:80]!r} of the domain {domain[:80]!r}; "
                "allowed: those of the front-ends, classifiers and encoders of ser"
            )
        attributes = {}
        for each in node.get("attribute", []):
            attribute = read(data, each, messages.ATTRIBUTE)
            self._refuse_attribute(attribute, operator, depth)
            attributes[self.name(attribute)] = attribute
        if domain:
            refuse_deep_trees(attributes)

    def _refuse_attribute(self, attribute: Message, operator: bytes, depth: int) -> None:
        if "t" in attribute:
            tensor = read(self._data, attribute["t"], messages.TENSOR)
            refuse_tensor(self._data, tensor, self.name(attribute))
        if "g" in attribute or attribute.get("type") == GRAPH_ATTRIBUTE:
            if operator.decode() != WITH_SUBGRAPH or "g" not in attribute:
                raise UnsafeModel(f"{operator.decode()} has a subgraph; allowed: {WITH_SUBGRAPH}")
            self.graph(attribute["g"], depth + 1)


def refuse_tensor(data: bytes, tensor: Message, name: str) -> None:
    """Raise :class:`UnsafeModel` unless the values of ``tensor`` are in the file, all of them."""
    kind = tensor.get("data_type", 0)
    if tensor.get("data_location", 0):
        raise UnsafeModel(f"the values of {name[:80]!r} are in another file; allowed: in the model")
    if kind not in ITEM_BYTES:
        raise UnsafeModel(f"{name[:80]!r} has the type {kind}; allowed: {sorted(ITEM_BYTES)}")
    dims = tensor.get("dims", [])
    if len(dims) > MAX_RANK:
        raise UnsafeModel(f"{name[:80]!r} has {len(dims)} dimensions; allowed: {MAX_RANK}")
    size = math.prod(dims)
    if size * ITEM_BYTES[kind] > MAX_BYTES:
        raise UnsafeModel(f"{name[:80]!r} has {size:,} values; allowed: those in the file")
    given = [field for field in ("raw_data", *TYPED) if field in tensor]
    if len(given) > 1 or (size and not given):
        raise UnsafeModel(f"{name[:80]!r} has no values, or several lists of them")
    if given and count(data, tensor, kind, given[0]) != size:
        raise UnsafeModel(f"{name[:80]!r} has another number of values than its shape says")


def count(data: bytes, tensor: Message, kind: int, field: str) -> float:
    """Return the number of values in ``field`` of ``tensor``."""
    begin, end = map(int, tensor[field])
    if field == "raw_data":
        return (end - begin) / ITEM_BYTES[kind]
    kinds, item = TYPED[field]
    if kind not in kinds:
        raise UnsafeModel(f"a tensor of the type {kind} has its values in {field}")
    if item:
        return (end - begin) / item
    octets = np.frombuffer(data, np.uint8, end - begin, begin)
    return int(np.count_nonzero(octets < CONTINUED))
