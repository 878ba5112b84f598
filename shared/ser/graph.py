"""One graph from waveform to probabilities: front-ends, classifier and pooling, composed.

Everything here is ONNX of opset 17, so that any runtime of 2022 or later reads a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import onnx
import spox.opset.ai.onnx.v17 as op
from spox import Tensor, argument, build, inline

from ser.frontends import FrontEnds
from ser.metadata import MetadataEncoding

if TYPE_CHECKING:
    from spox import Var


def front_end_model(
    front_ends: FrontEnds, *, chunk_samples: int | None, gain: float, encoding: MetadataEncoding
) -> onnx.ModelProto:
    """Return the model from ``waveform`` (and ``metadata``) to ``features``.

    Parameters
    ----------
    chunk_samples
        Length of a chunk; the last one is padded with silence. ``None``: the signal is one chunk.
    gain
        Factor on the waveform.

    Returns
    -------
    A model with the inputs ``waveform``, float32 of shape (samples,), and, if ``encoding`` has
    columns, ``metadata``, float32 of shape (columns,); its output ``features`` is float32 of
    shape (chunks, features).
    """
    waveform = argument(Tensor(np.float32, ("samples",)))
    inputs = {"waveform": waveform}
    if encoding.size:
        inputs["metadata"] = argument(Tensor(np.float32, (encoding.size,)))
    chunks = _chunks(op.mul(waveform, op.const(np.float32(gain))), chunk_samples)
    parts = [f.features(chunks, inputs.get("metadata")) for f in front_ends.values()]
    return build(inputs, {"features": op.concat(parts, axis=1)})


def _chunks(signal: Var, chunk_samples: int | None) -> Var:
    if chunk_samples is None:
        return op.unsqueeze(signal, op.const(np.array([0])))
    length, one = op.const(np.array([chunk_samples])), op.const(np.array([1]))
    samples = op.shape(signal)
    rounded_up = op.div(op.sub(op.add(samples, length), one), length)
    count = op.max([rounded_up, one])
    silence = op.sub(op.mul(count, length), samples)
    padded = op.pad(signal, op.concat([op.const(np.array([0])), silence], axis=0))
    return op.reshape(padded, op.const(np.array([-1, chunk_samples])))


def join(*models: onnx.ModelProto, source: str, result: str) -> onnx.ModelProto:
    """Return ``models`` one behind the other, each with one input and the output wanted last.

    ``source`` names the input, float32 of shape (rows, columns), ``result`` the output.
    """
    columns = models[0].graph.input[0].type.tensor_type.shape.dim[1].dim_value
    first = argument(Tensor(np.float32, (None, columns)))
    last = first
    for model in models:
        last = apply(model, last)
    return build({source: first}, {result: last})


def apply(model: onnx.ModelProto, value: Var) -> Var:
    """Return the last output of ``model``, which takes ``value`` alone."""
    outputs = inline(model)(value)
    return outputs[model.graph.output[-1].name]


def compose(
    front_end: onnx.ModelProto, classifier: onnx.ModelProto, properties: Mapping[str, Any]
) -> bytes:
    """Return the whole model: from ``waveform`` to ``probabilities``, the mean over the chunks.

    Parameters
    ----------
    front_end
        What :func:`front_end_model` made.
    classifier
        From features, float32 of shape (chunks, features), to probabilities of shape
        (chunks, classes).
    properties
        What the model says of itself; kept as JSON in the metadata of the file.
    """
    arguments = {
        value.name: argument(
            Tensor(
                np.float32,
                tuple(d.dim_value or d.dim_param for d in value.type.tensor_type.shape.dim),
            )
        )
        for value in front_end.graph.input
    }
    features = inline(front_end)(**arguments)["features"]
    pooled = op.reduce_mean(apply(classifier, features), axes=[0], keepdims=False)
    model = build(arguments, {"probabilities": pooled})
    onnx.helper.set_model_props(
        model, {key: msgspec.json.encode(value).decode() for key, value in properties.items()}
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())
