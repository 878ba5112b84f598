"""The part of an encoder in front of the tensors that are wanted, in the opset of all graphs."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import onnx
from onnx import inliner, version_converter

from ser._schemas import shortened
from ser.encoders._inspection import required_inputs
from ser.errors import Fault, InvalidInput, within

OPSET = 17
IR_VERSION = 8
"""Version of the format of files that belongs to the opset."""
FUNCTIONS = ("Gelu", "GroupNormalization", "HardSwish", "Mish", "RMSNormalization", "Swish")
"""Operators that the opset has not, but that are defined by operators which it has."""
MAX_NAMED = 5
"""Maximum number of tensors that an error names."""


def cut_behind(model: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    """Return the part of ``model`` that computes ``outputs``, with the same input and metadata.

    Raises
    ------
    InvalidInput
        A tensor of ``outputs`` does not exist, or does not depend on the input. The location of a
        fault is ``output``.
    """
    producers = {name: node for node in model.graph.node for name in node.output if name}
    faults = [
        Fault(("output",), missing(name, [*producers])) for name in outputs if name not in producers
    ]
    if faults:
        raise InvalidInput(*faults)
    needed: set[str] = set()
    waiting = [*outputs]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += producers[name].input if name in producers else ()
    (source,) = required_inputs(model.graph)
    if source.name not in needed:
        with within("output"):
            raise InvalidInput(
                f"{', '.join(map(shortened, outputs))} is computed without the input "
                f"{shortened(source.name)!r}; allowed: a tensor that depends on it"
            )
    graph = model.graph
    cut = onnx.helper.make_graph(
        [node for node in graph.node if needed.intersection(filter(None, node.output))],
        "encoder",
        [source],
        [onnx.helper.make_empty_tensor_value_info(name) for name in outputs],
        [tensor for tensor in graph.initializer if tensor.name in needed],
        sparse_initializer=[t for t in graph.sparse_initializer if t.values.name in needed],
    )
    domains = {node.domain for node in cut.node} | {""}
    opsets = [each for each in model.opset_import if each.domain in domains]
    part = onnx.helper.make_model(cut, opset_imports=opsets, ir_version=model.ir_version)
    part.metadata_props.extend(model.metadata_props)
    return part


def missing(name: str, names: Sequence[str]) -> str:
    """Return the message that there is no tensor ``name`` among ``names``."""
    close = get_close_matches(name, names, MAX_NAMED, cutoff=0.4) or [*names[-MAX_NAMED:]]
    return (
        f"{shortened(name)!r} is none of the {len(names):,} tensors of the encoder; "
        f"allowed: {', '.join(map(shortened, close))}, ..."
    )


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the standard operators of ``model``."""
    return max((each.version for each in model.opset_import if each.domain == ""), default=OPSET)


def in_opset(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model``, whose constants are folded, in opset :data:`OPSET`.

    Raises
    ------
    InvalidInput
        The converter of onnx does not convert an operator.
    """
    version = opset_of(model)
    functions = [("", name) for name in FUNCTIONS]
    try:
        inlined = inliner.inline_selected_functions(model, functions, inline_schema_functions=True)
        converted = version_converter.convert_version(inlined, OPSET)
    except (RuntimeError, ValueError) as error:
        reason = shortened(str(error).rpartition("failed: ")[2], 200)
        raise InvalidInput(
            f"its opset {version} cannot be converted to {OPSET}: {reason}; "
            f"allowed: an encoder exported with opset {OPSET}"
        ) from error
    converted.ir_version = IR_VERSION
    return converted


def with_inferred_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with the types and shapes of its tensors.

    Raises
    ------
    InvalidInput
        A node has inputs of a wrong type.
    """
    try:
        return onnx.shape_inference.infer_shapes(model, check_type=True, data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError, RuntimeError) as error:
        reason = shortened(" ".join(str(error).split()), 300)
        raise InvalidInput(f"its types do not fit: {reason}; allowed: a valid graph") from error
