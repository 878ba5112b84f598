"""Small encoders with random weights, as a user may bring them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WIDTH = 6
"""Features of a frame."""
STRIDE = 320
"""Samples between the frames of :func:`waveform_encoder`."""
WINDOW = 400
UPPER_BYTES = 4 * 1000 * WIDTH
"""Size of the weights behind ``layer2``."""

Node = onnx.NodeProto


def weights(name: str, *shape: int) -> onnx.TensorProto:
    random = np.random.default_rng(len(name))
    return numpy_helper.from_array(random.standard_normal(shape).astype(np.float32) / 4, name)


def model(
    nodes: Sequence[Node],
    initializers: Sequence[onnx.TensorProto],
    shape: Sequence[int | str],
    *,
    output: str = "upper",
    opset: int = 17,
    **others: Any,
) -> onnx.ModelProto:
    """Return a model with the input ``sound``."""
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("sound", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, "time", "features"])],
        initializers,
        **others,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def layers(frames: str, activation: str = "Tanh") -> list[Node]:
    """Return the nodes from ``frames`` (1, WIDTH, frames) on: two layers, and one behind them."""
    return [
        helper.make_node("Transpose", [frames], ["layer1"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["layer1", "matrix"], ["product"]),
        helper.make_node(activation, ["product"], ["layer2"]),
        helper.make_node("MatMul", ["layer2", "upper weights"], ["upper"]),
    ]


LAYER_WEIGHTS = [weights("matrix", WIDTH, WIDTH), weights("upper weights", WIDTH, 1000)]


def waveform_encoder(
    samples: int | str = "samples", *, activation: str = "Tanh", opset: int = 17
) -> onnx.ModelProto:
    """Return an encoder of samples, a frame of 25 ms every 20 ms."""
    axis = numpy_helper.from_array(np.array([1]), "axis")
    nodes = [
        helper.make_node("Unsqueeze", ["sound", "axis"], ["channel"]),
        helper.make_node("Conv", ["channel", "kernel"], ["frames"], strides=[STRIDE]),
        *layers("frames", activation),
    ]
    initializers = [axis, weights("kernel", WIDTH, 1, WINDOW), *LAYER_WEIGHTS]
    return model(nodes, initializers, [1, samples], opset=opset)


def log_mel_encoder(frames: int | str = "frames") -> onnx.ModelProto:
    """Return an encoder of spectra, a frame every 20 ms, each of one frame of the spectrum."""
    nodes = [
        helper.make_node("Conv", ["sound", "bands"], ["frames"], strides=[2]),
        *layers("frames"),
    ]
    return model(nodes, [weights("bands", WIDTH, 80, 1), *LAYER_WEIGHTS], [1, 80, frames])


def states(encoder: onnx.ModelProto, output: str, sound: NDArray[np.float32]) -> NDArray[Any]:
    """Return a tensor inside ``encoder`` by onnxruntime alone, shape (frames, features)."""
    import onnxruntime

    changed = onnx.ModelProto()
    changed.CopyFrom(encoder)
    del changed.graph.output[:]
    changed.graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(changed.SerializeToString())
    (found,) = session.run([output], {"sound": sound})
    states: NDArray[Any] = found[0]
    return states
