"""One graph from waveform to probabilities: front-ends, classifier and pooling, composed.

Everything here is ONNX of opset 17, so that any runtime of 2022 or later reads a model.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import onnx
import spox.opset.ai.onnx.v17 as op
from spox import Tensor, argument, build, inline

from ser._metadata import MetadataEncoding
from ser.frontends import FrontEnds
from ser.sounds import SAMPLING_RATE, SPEECH_FRAME, SPEECH_LEVEL

if TYPE_CHECKING:
    from spox import Var

LONGEST_CHUNK = 30 * SAMPLING_RATE
"""Samples of a chunk that nobody gave a length: longer than nearly every utterance."""


def front_end_model(
    front_ends: FrontEnds, *, chunk_samples: int | None, gain: float, encoding: MetadataEncoding
) -> onnx.ModelProto:
    """Return the model from ``waveform`` (and ``metadata``) to ``features`` and ``speech``.

    Parameters
    ----------
    chunk_samples
        Length of a chunk; the last one is padded with silence. ``None``: the signal is one chunk,
        or as many equal ones as keep each within :data:`LONGEST_CHUNK`.
    gain
        Factor on the waveform.

    Returns
    -------
    A model with the inputs ``waveform``, float32 of shape (samples,), and, if ``encoding`` has
    columns, ``metadata``, float32 of shape (columns,); its output ``features`` is float32 of
    shape (chunks, features), its output ``speech`` a bool: whether there is anything to judge.
    """
    waveform = argument(Tensor(np.float32, ("samples",)))
    inputs = {"waveform": waveform}
    if encoding.size:
        inputs["metadata"] = argument(Tensor(np.float32, (encoding.size,)))
    count, length = _grid(waveform, chunk_samples)
    first, one, zero = (op.const(np.array(n)) for n in ([0], 1, 0))
    numbers = op.range(zero, op.squeeze(count, first), one)

    def features(number: Var) -> list[Var]:
        start = op.mul(op.unsqueeze(number, first), length)
        chunk = op.slice(waveform, start, op.add(start, length))
        louder = op.mul(_padded(chunk, length), op.const(np.float32(gain)))
        row = op.unsqueeze(louder, first)
        parts = [f.features(row, inputs.get("metadata")) for f in front_ends.values()]
        return [op.squeeze(op.concat(parts, axis=1), first)]

    # One chunk after the other, each cut when its turn comes: memory is that of one, however long
    # the signal.
    (rows,) = op.scan([numbers], body=features, num_scan_inputs=1)
    return build(inputs, {"features": rows, "speech": holds_speech(waveform)})


def holds_speech(waveform: Var) -> Var:
    """The same as :func:`ser.sounds.holds_speech`: a bool of no dimensions."""
    count, length = _grid(waveform, SPEECH_FRAME)
    padded = _padded(waveform, op.mul(count, length))
    frames = op.reshape(padded, op.concat([count, length], axis=0))
    energy = op.reduce_sum_square(frames, axes=[1], keepdims=False)
    loudest = op.reduce_max(energy, axes=[0], keepdims=False)
    return op.greater(loudest, op.const(np.float32(SPEECH_FRAME * 10 ** (SPEECH_LEVEL / 10))))


def _grid(signal: Var, chunk_samples: int | None) -> tuple[Var, Var]:
    """Return into how many chunks ``signal`` is cut, and their samples; both of shape (1,)."""
    samples = op.max([op.shape(signal), op.const(np.array([1]))])
    length = op.const(np.array([chunk_samples or LONGEST_CHUNK]))
    count = _divided_up(samples, length)
    return count, length if chunk_samples else _divided_up(samples, count)


def _padded(signal: Var, length: Var) -> Var:
    """Return ``signal`` with silence behind it up to ``length``, of shape (1,)."""
    silence = op.sub(length, op.shape(signal))
    return op.pad(signal, op.concat([op.const(np.array([0])), silence], axis=0))


def _divided_up(number: Var, divisor: Var) -> Var:
    """Return the quotient of whole numbers, rounded up."""
    one = op.const(np.array([1]))
    return op.div(op.sub(op.add(number, divisor), one), divisor)


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

    Its further outputs are ``speech``, without which all classes are equally probable, and the
    ``features`` themselves.

    Parameters
    ----------
    front_end
        What :func:`front_end_model` made.
    classifier
        From features, float32 of shape (chunks, features), to probabilities of shape
        (chunks, classes). Its inputs beside the first one, which have defaults, become inputs of
        the model with these defaults.
    properties
        What the model says of itself; kept as JSON in the metadata of the file.
    """
    sounds, (_, *options) = front_end.graph.input, classifier.graph.input
    arguments = {value.name: argument_like(value) for value in (*sounds, *options)}
    heard = inline(front_end)(**{value.name: arguments[value.name] for value in sounds})
    judged = inline(classifier)(
        heard["features"], **{value.name: arguments[value.name] for value in options}
    )
    rows = judged[classifier.graph.output[-1].name]
    pooled = op.reduce_mean(rows, axes=[0], keepdims=False)
    # In single precision the mean over thousands of chunks no longer sums to 1 by itself.
    pooled = op.div(pooled, op.reduce_sum(pooled))
    alike = op.reciprocal(op.cast(op.size(pooled), to=np.float32))
    results = {
        "probabilities": op.where(heard["speech"], pooled, alike),
        "speech": heard["speech"],
        "features": heard["features"],
    }
    model = folded(build(arguments, results))
    # What initializes an input is its default: the input may be left out.
    model.graph.initializer.extend(
        value for value in classifier.graph.initializer if value.name in arguments
    )
    onnx.helper.set_model_props(
        model, {key: msgspec.json.encode(value).decode() for key, value in properties.items()}
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with what never changes computed already, so that it loads in half the time.

    Of the optimizations of onnxruntime these are the ones that hold on every machine and leave
    nothing but standard operators.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder, "model.onnx"))
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        optimized = onnx.load(options.optimized_model_filepath)
    # onnxruntime states every set of operators that it knows, not only those that are there.
    del optimized.opset_import[:]
    optimized.opset_import.extend(model.opset_import)
    return optimized


def argument_like(value: onnx.ValueInfoProto) -> Var:
    """Return a new input of the shape of ``value``, float32."""
    shape = tuple(d.dim_value or d.dim_param or None for d in value.type.tensor_type.shape.dim)
    return argument(Tensor(np.float32, shape))
