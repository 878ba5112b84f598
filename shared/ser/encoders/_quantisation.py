"""Weights of an encoder in 8 bits."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ser.errors import InvalidInput

if TYPE_CHECKING:
    import onnx

PREPARED = {"onnx.quant.pre_process": "onnxruntime.quant"}
"""The metadata of a model whose shapes are known, without which onnxruntime advises to infer
them."""


def quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with the weights of its matrix products as int8, a scale for each column.

    The values that they are multiplied with are quantised while the model runs. The weights have
    seven bits: with eight, the sums of processors without VNNI saturate, and the same model answers
    differently elsewhere.

    Raises
    ------
    InvalidInput
        The model hardly gets smaller, because most of its weights are of other operators, or are
        computed.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    prepared = with_initializers(model)
    onnx.helper.set_model_props(prepared, PREPARED)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "model.onnx")
        quantize_dynamic(
            prepared,
            file,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        smaller = onnx.load(file)
    before, after = model.ByteSize(), smaller.ByteSize()
    if after > before / 2:
        raise InvalidInput(
            f"int8 makes the encoder {after:,} bytes large instead of {before:,}, because few of "
            "its weights are constant factors of matrix products; allowed: float16"
        )
    return smaller


def with_initializers(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with initializers in place of its constants, which are not quantised."""
    import onnx

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    nodes = list(changed.graph.node)
    del changed.graph.node[:]
    for node in nodes:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensor = changed.graph.initializer.add()
            tensor.CopyFrom(node.attribute[0].t)
            tensor.name = node.output[0]
        else:
            changed.graph.node.append(node)
    return changed
