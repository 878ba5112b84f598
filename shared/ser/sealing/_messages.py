"""The messages of ONNX that a model may have, with their fields.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

VARINT, PART, FIXED = 0, 2, 5
"""Types of values in the wire format: an integer; bytes, a text or a message; a float."""


class Field(NamedTuple):
    """A field of a message."""

    name: str
    repeated: bool


class Table(NamedTuple):
    """The fields of a message, by the byte that precedes each value: ``number << 3 | type``."""

    message: str
    fields: Mapping[int, Field]
    refused: Mapping[int, str]
    """Fields that are never allowed, by number, in words."""
    long: bool
    """Whether lists of numbers may be long."""


def table(
    message: str,
    *,
    refused: Mapping[int, str] | None = None,
    long: bool = False,
    **fields: tuple[int, int] | tuple[int, int, str],
) -> Table:
    """Return a table of ``fields``: number and type of each, and ``"repeated"``."""
    return Table(
        message,
        {
            number << 3 | kind: Field(name.removesuffix("_"), bool(rest))
            for name, (number, kind, *rest) in fields.items()
        },
        refused or {},
        long,
    )


REPEATED = "repeated"
MODEL = table(
    "ModelProto",
    ir_version=(1, VARINT),
    producer_name=(2, PART),
    producer_version=(3, PART),
    domain=(4, PART),
    model_version=(5, VARINT),
    doc_string=(6, PART),
    graph=(7, PART),
    opset_import=(8, PART, REPEATED),
    metadata_props=(14, PART, REPEATED),
    refused={20: "graphs for training", 25: "local functions", 26: "configurations of devices"},
)
OPSET = table("OperatorSetIdProto", domain=(1, PART), version=(2, VARINT))
ENTRY = table("StringStringEntryProto", key=(1, PART), value=(2, PART))
GRAPH = table(
    "GraphProto",
    node=(1, PART, REPEATED),
    name=(2, PART),
    initializer=(5, PART, REPEATED),
    doc_string=(10, PART),
    input=(11, PART, REPEATED),
    output=(12, PART, REPEATED),
    value_info=(13, PART, REPEATED),
    metadata_props=(16, PART, REPEATED),
    refused={14: "annotations of quantisation", 15: "sparse initializers"},
)
NODE = table(
    "NodeProto",
    input=(1, PART, REPEATED),
    output=(2, PART, REPEATED),
    name=(3, PART),
    op_type=(4, PART),
    attribute=(5, PART, REPEATED),
    doc_string=(6, PART),
    domain=(7, PART),
    metadata_props=(9, PART, REPEATED),
    refused={8: "overloads of functions", 10: "configurations of devices"},
)
ATTRIBUTE = table(
    "AttributeProto",
    name=(1, PART),
    f=(2, FIXED),
    i=(3, VARINT),
    s=(4, PART),
    t=(5, PART),
    g=(6, PART),
    floats=(7, FIXED, REPEATED),
    ints=(8, VARINT, REPEATED),
    strings=(9, PART, REPEATED),
    doc_string=(13, PART),
    type=(20, VARINT),
    long=True,
    refused={
        10: "lists of tensors",
        11: "lists of graphs",
        14: "types",
        15: "types",
        21: "references of functions",
        22: "sparse tensors",
        23: "sparse tensors",
    },
)
TENSOR = table(
    "TensorProto",
    dims=(1, VARINT, REPEATED),
    data_type=(2, VARINT),
    float_data=(4, PART),
    int32_data=(5, PART),
    int64_data=(7, PART),
    name=(8, PART),
    raw_data=(9, PART),
    double_data=(10, PART),
    uint64_data=(11, PART),
    doc_string=(12, PART),
    data_location=(14, VARINT),
    metadata_props=(16, PART, REPEATED),
    refused={3: "segments", 6: "strings", 13: "data in another file"},
)
VALUE = table(
    "ValueInfoProto",
    name=(1, PART),
    type=(2, PART),
    doc_string=(3, PART),
    metadata_props=(4, PART, REPEATED),
)
TYPE = table(
    "TypeProto",
    tensor_type=(1, PART),
    denotation=(6, PART),
    refused={4: "sequences", 5: "maps", 7: "opaque types", 8: "sparse tensors", 9: "optionals"},
)
TENSOR_TYPE = table("TypeProto.Tensor", elem_type=(1, VARINT), shape=(2, PART))
SHAPE = table("TensorShapeProto", dim=(1, PART, REPEATED))
DIMENSION = table(
    "TensorShapeProto.Dimension",
    dim_value=(1, VARINT),
    dim_param=(2, PART),
    denotation=(3, PART),
)
