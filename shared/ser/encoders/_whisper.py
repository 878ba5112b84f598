"""The encoder of Whisper as an ONNX graph, built from its weights.

Source of the architecture: Radford, Kim, Xu, Brockman, McLeavey, Sutskever, Robust speech
recognition via large-scale weak supervision, ICML 2023.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import spox.opset.ai.onnx.v17 as op
from numpy.typing import NDArray
from spox import Tensor, argument, build

from ser.encoders._weights import HEAD, MEL_BANDS

if TYPE_CHECKING:
    import onnx
    from spox import Var

EPSILON = 1e-5
"""Added to the variance in the normalisation of a layer."""


def whisper_model(tensors: Mapping[str, NDArray[np.float16]], layers: int) -> onnx.ModelProto:
    """Return the first ``layers`` layers of an encoder.

    Parameters
    ----------
    tensors
        The weights by their names in Hugging Face's file, without ``model.encoder.``.

    Returns
    -------
    A model with the input ``log_mel``, float32 of shape (parts, 80, frames), a frame every 10 ms,
    and two outputs for each layer, float32 of shape (parts, frames / 2, features): the states
    behind it, ``layer1`` and so on, and the activations of the neurons in its feed-forward
    network, ``neurons1`` and so on.
    """
    log_mel = argument(Tensor(np.float32, ("parts", MEL_BANDS, "frames")))
    weights = Weights(tensors)
    first = gelu(weights.convolution("conv1", log_mel, stride=1))
    second = gelu(weights.convolution("conv2", first, stride=2))
    states = op.transpose(second, perm=[0, 2, 1])
    count = op.slice(op.shape(states), integers(1), integers(2))
    positions = op.slice(weights["embed_positions.weight"], integers(0), count, integers(0))
    states = op.add(states, positions)
    outputs: dict[str, Var] = {}
    for number in range(layers):
        states, neurons = add_layer(states, weights, f"layers.{number}")
        outputs |= {f"layer{number + 1}": states, f"neurons{number + 1}": neurons}
    return build({"log_mel": log_mel}, outputs)


class Weights:
    """The weights as nodes of a graph; the file has them in half precision, if that is exact."""

    def __init__(self, tensors: Mapping[str, NDArray[np.float16]]) -> None:
        self._tensors = tensors

    def __getitem__(self, name: str) -> Var:
        return op.const(self._tensors[name].astype(np.float32))

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def convolution(self, name: str, values: Var, *, stride: int) -> Var:
        """Return the convolution ``name`` of ``values``, shape (parts, channels, frames)."""
        return op.conv(
            values, self[f"{name}.weight"], self[f"{name}.bias"], strides=[stride], pads=[1, 1]
        )

    def linear(self, name: str, values: Var) -> Var:
        """Return the linear transform ``name`` of ``values``, shape (parts, frames, features)."""
        matrix = op.const(np.ascontiguousarray(self._tensors[f"{name}.weight"].T, np.float32))
        product = op.matmul(values, matrix)
        bias = f"{name}.bias"
        return op.add(product, self[bias]) if bias in self else product

    def normalised(self, name: str, values: Var) -> Var:
        """Return ``values`` normalised over their features."""
        return op.layer_normalization(
            values, self[f"{name}.weight"], self[f"{name}.bias"], epsilon=EPSILON
        )[0]


def add_layer(states: Var, weights: Weights, name: str) -> tuple[Var, Var]:
    """Return ``states``, shape (parts, frames, features), after the layer ``name``, and the
    activations of its neurons."""
    normalised = weights.normalised(f"{name}.self_attn_layer_norm", states)
    states = op.add(states, attention(normalised, weights, f"{name}.self_attn"))
    normalised = weights.normalised(f"{name}.final_layer_norm", states)
    neurons = gelu(weights.linear(f"{name}.fc1", normalised))
    return op.add(states, weights.linear(f"{name}.fc2", neurons)), neurons


def attention(values: Var, weights: Weights, name: str) -> Var:
    """Return the attention of each frame to all frames of its part."""

    def heads(which: str, order: list[int]) -> Var:
        projected = weights.linear(f"{name}.{which}", values)
        return op.transpose(op.reshape(projected, integers(0, 0, -1, HEAD)), perm=order)

    queries = op.mul(heads("q_proj", [0, 2, 1, 3]), op.const(np.float32(HEAD**-0.5)))
    shares = op.softmax(op.matmul(queries, heads("k_proj", [0, 2, 3, 1])), axis=-1)
    mixed = op.matmul(shares, heads("v_proj", [0, 2, 1, 3]))
    joined = op.reshape(op.transpose(mixed, perm=[0, 2, 1, 3]), integers(0, 0, -1))
    return weights.linear(f"{name}.out_proj", joined)


def gelu(values: Var) -> Var:
    """Return the Gaussian error linear unit of ``values``, exact rather than approximated."""
    scaled = op.erf(op.mul(values, op.const(np.float32(0.5**0.5))))
    half = op.mul(values, op.const(np.float32(0.5)))
    return op.mul(half, op.add(scaled, op.const(np.float32(1))))


def integers(*values: int) -> Var:
    return op.const(np.array(values, np.int64))
