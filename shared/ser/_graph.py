"""Composition of front-ends, classifier and pooling into one graph from waveform to probabilities.

All graphs use ONNX opset 17, which every runtime since 2022 supports.
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
from ser._packing import pack, shorten_names
from ser._speech_graph import Selection, select_speech
from ser.frontends import FrontEnds
from ser.sounds import SAMPLING_RATE, SPEECH_FRAME

if TYPE_CHECKING:
    from spox import Var

LONGEST_CHUNK = 30 * SAMPLING_RATE
"""Maximum length of a chunk in samples if no length is given; few utterances are longer."""


def front_end_model(
    front_ends: FrontEnds, *, chunk_samples: int | None, gain: float, encoding: MetadataEncoding
) -> onnx.ModelProto:
    """Return the model from ``waveform`` (and ``metadata``) to ``features`` and ``speech``.

    Parameters
    ----------
    chunk_samples
        Length of a chunk in samples; the last chunk is padded with silence. ``None``: the signal
        is cut into the fewest equal chunks of at most :data:`LONGEST_CHUNK` samples, usually one.
    gain
        Factor by which the waveform is multiplied.

    Returns
    -------
    A model with the input ``waveform``, float32 of shape (samples,), and, if ``encoding`` has
    columns, the input ``metadata``, float32 of shape (columns,). Long pauses are left out before
    the signal is cut, so silence around or between speech changes no chunk. The outputs are
    ``features``, float32 of shape (chunks, features); ``speech``, a bool: whether the signal
    contains speech; ``seconds``, float32 of shape (chunks,): the duration of the speech in each
    chunk; and ``times``, float32 of shape (chunks,): the start of each chunk in the whole signal
    in seconds.
    """
    signal = argument(Tensor(np.float32, ("samples",)))
    inputs = {"waveform": signal}
    if encoding.size:
        inputs["metadata"] = argument(Tensor(np.float32, (encoding.size,)))
    selection = select_speech(signal)
    waveform = selection.waveform
    count, length = _grid(waveform, chunk_samples)
    first, one, zero = (op.const(np.array(n)) for n in ([0], 1, 0))
    numbers = op.range(zero, op.squeeze(count, first), one)

    def features(number: Var) -> list[Var]:
        start = op.mul(op.unsqueeze(number, first), length)
        chunk = op.slice(waveform, start, op.add(start, length))
        amplified = op.mul(_pad(chunk, length), op.const(np.float32(gain)))
        row = op.unsqueeze(amplified, first)
        parts = [f.features(row, inputs.get("metadata")) for f in front_ends.values()]
        return [op.squeeze(op.concat(parts, axis=1), first)]

    # A scan processes one chunk at a time, so memory use does not grow with the duration.
    (rows,) = op.scan([numbers], body=features, num_scan_inputs=1)
    starts = op.mul(numbers, length)
    results = {"features": rows, "speech": selection.speech}
    return build(inputs, results | _places(selection, starts, op.add(starts, length)))


def _places(selection: Selection, starts: Var, ends: Var) -> dict[str, Var]:
    """Return ``seconds`` and ``times`` of the chunks that begin and end at these samples."""
    per_frame = op.const(np.array([SPEECH_FRAME]))
    counted = op.concat(
        [op.const(np.zeros(1, np.float32)), op.cumsum(selection.speaking, op.const(np.array(0)))],
        axis=0,
    )
    frames = op.shape(selection.speaking)

    def speaking_before(samples: Var) -> Var:
        # A frame counts for the chunk that contains its centre.
        half = op.const(np.array([SPEECH_FRAME // 2]))
        before = op.div(op.add(samples, half), per_frame)
        return op.gather(counted, op.min([before, frames]))

    first = op.min([op.div(starts, per_frame), op.sub(frames, op.const(np.array([1])))])
    inside = op.sub(starts, op.mul(first, per_frame))
    position = op.add(op.mul(op.gather(selection.positions, first), per_frame), inside)
    seconds = op.sub(speaking_before(ends), speaking_before(starts))
    return {
        "seconds": op.mul(seconds, op.const(np.float32(SPEECH_FRAME / SAMPLING_RATE))),
        "times": op.div(op.cast(position, to=np.float32), op.const(np.float32(SAMPLING_RATE))),
    }


def _grid(signal: Var, chunk_samples: int | None) -> tuple[Var, Var]:
    """Return the number of chunks of ``signal``, and their length in samples; both of shape
    (1,)."""
    samples = op.max([op.shape(signal), op.const(np.array([1]))])
    length = op.const(np.array([chunk_samples or LONGEST_CHUNK]))
    count = _divide_rounding_up(samples, length)
    return count, length if chunk_samples else _divide_rounding_up(samples, count)


def _pad(signal: Var, length: Var) -> Var:
    """Return ``signal`` padded with silence at its end to ``length``, of shape (1,)."""
    silence = op.sub(length, op.shape(signal))
    return op.pad(signal, op.concat([op.const(np.array([0])), silence], axis=0))


def _divide_rounding_up(number: Var, divisor: Var) -> Var:
    """Return the quotient of two integers, rounded up."""
    one = op.const(np.array([1]))
    return op.div(op.sub(op.add(number, divisor), one), divisor)


def join(*models: onnx.ModelProto, source: str, result: str) -> onnx.ModelProto:
    """Return one graph that chains ``models``: the last output of each is the input of the next.

    ``source`` names the input of the graph, float32 of shape (rows, columns); ``result`` names its
    output.
    """
    columns = models[0].graph.input[0].type.tensor_type.shape.dim[1].dim_value
    first = argument(Tensor(np.float32, (None, columns)))
    last = first
    for model in models:
        last = apply(model, last)
    return build({source: first}, {result: last})


def apply(model: onnx.ModelProto, value: Var) -> Var:
    """Return the last output of ``model`` for its only input ``value``."""
    outputs = inline(model)(value)
    return outputs[model.graph.output[-1].name]


def compose(
    front_end: onnx.ModelProto, classifier: onnx.ModelProto, properties: Mapping[str, Any]
) -> bytes:
    """Return the ONNX file of a model from ``waveform`` to ``probabilities``.

    The probabilities are the mean over the chunks, weighted by the duration of the speech in each;
    without speech, all classes are equally probable. The other outputs are those of the front-end,
    and last ``familiarity``, a float32 scalar, if the classifier has it.

    Parameters
    ----------
    front_end
        The result of :func:`front_end_model`.
    classifier
        From features, float32 of shape (chunks, features), to probabilities of shape
        (chunks, classes). Its other inputs have defaults, and become optional inputs of the
        model.
    properties
        Values that are stored as JSON in the metadata of the file.
    """
    sounds, (_, *options) = front_end.graph.input, classifier.graph.input
    arguments = {value.name: argument_like(value) for value in (*sounds, *options)}
    analysed = inline(front_end)(**{value.name: arguments[value.name] for value in sounds})
    classified = inline(classifier)(
        analysed["features"], **{value.name: arguments[value.name] for value in options}
    )
    rows = classified[classifier.graph.output[-1].name]
    seconds = op.unsqueeze(analysed["seconds"], op.const(np.array([1])))
    pooled = op.reduce_sum(op.mul(rows, seconds), op.const(np.array([0])), keepdims=False)
    # In single precision, means over thousands of chunks do not sum to exactly 1.
    pooled = op.div(pooled, op.reduce_sum(pooled))
    uniform = op.reciprocal(op.cast(op.size(pooled), to=np.float32))
    results = {
        "probabilities": op.where(analysed["speech"], pooled, uniform),
        "speech": analysed["speech"],
        "features": analysed["features"],
        "seconds": analysed["seconds"],
        "times": analysed["times"],
        **{name: classified[name] for name in ("familiarity",) if name in classified},
    }
    model = fold_constants(build(arguments, results))
    pack(model)
    shorten_names(model)
    # An initializer with the name of an input is its default, and makes the input optional.
    model.graph.initializer.extend(
        value for value in classifier.graph.initializer if value.name in arguments
    )
    onnx.helper.set_model_props(
        model, {key: msgspec.json.encode(value).decode() for key, value in properties.items()}
    )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def fold_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with its constant expressions evaluated, which halves its loading time.

    The basic optimizations of onnxruntime are valid on every machine, and use only standard
    operators.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    # The session never runs, so it need not rearrange the weights.
    options.add_session_config_entry("session.disable_prepacking", "1")
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder, "source.onnx"), Path(folder, "model.onnx")
        options.optimized_model_filepath = str(result)
        # From a file, because a session keeps the bytes that it is created from.
        onnx.save(model, source)
        onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        optimized = onnx.load(result)
    # onnxruntime declares every operator set that it supports; the model still uses its own.
    del optimized.opset_import[:]
    optimized.opset_import.extend(model.opset_import)
    return optimized


def argument_like(value: onnx.ValueInfoProto) -> Var:
    """Return a new float32 input with the shape of ``value``."""
    shape = tuple(d.dim_value or d.dim_param or None for d in value.type.tensor_type.shape.dim)
    return argument(Tensor(np.float32, shape))
