"""Small models with the inputs and outputs of real ones, composed in milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import spox.opset.ai.onnx.v17 as op
from spox import Tensor, Var, argument, build

from ser import _graph as graph
from ser._labels import Label
from ser._metadata import MetadataEncoding
from ser._speech_graph import select_speech
from ser.model import ModelProperties
from ser.registry import new_model_id, open_registry
from ser.sounds import SAMPLING_RATE, SPEECH_FRAME

LABELS = (
    Label("N", "Neutral", "neutral"),
    Label("T", "Trauer", "sadness"),
    Label("W", "Ärger (Wut)", "anger"),
)
FEATURES = ("level", "peak", "offset", "roughness")
DEFAULTS = {
    "speaker_mean": np.zeros(len(FEATURES), np.float32),
    "speaker_deviation": np.ones(len(FEATURES), np.float32),
    "speaker_count": np.zeros((), np.float32),
}
DOMAIN_DEFAULTS = {
    "domain_mean": np.zeros(len(FEATURES), np.float32),
    "domain_count": np.zeros((), np.float32),
}


def front_end() -> onnx.ModelProto:
    """Return a front-end of four features of the whole waveform."""
    waveform = argument(Tensor(np.float32, ("samples",)))
    first, last, step = (op.const(np.array([n])) for n in (0, -1, 1))
    end = op.const(np.array([np.iinfo(np.int64).max]))
    jumps = op.sub(op.slice(waveform, step, end), op.slice(waveform, first, last))
    values = [mean(op.abs(waveform)), peak(waveform), mean(waveform), mean(op.abs(jumps))]
    features = op.unsqueeze(op.concat(values, axis=0), op.const(np.array([0])))
    selection = select_speech(waveform)
    seconds = op.mul(
        op.reduce_sum(selection.speaking), op.const(np.float32(SPEECH_FRAME / SAMPLING_RATE))
    )
    return build(
        {"waveform": waveform},
        {
            "features": features,
            "speech": selection.speech,
            "seconds": seconds,
            "times": op.const(np.zeros(1, np.float32)),
        },
    )


def mean(values: Var) -> Var:
    return op.reduce_mean(values, axes=[0], keepdims=True)


def peak(values: Var) -> Var:
    return op.reduce_max(op.abs(values), axes=[0], keepdims=True)


def classifier(*, takes_profile: bool, takes_domain: bool) -> onnx.ModelProto:
    """Return a linear map of the features, which profiles standardise by speaker and shift by
    domain."""
    features = argument(Tensor(np.float32, ("rows", len(FEATURES))))
    inputs = {"features": features}
    defaults = (DEFAULTS if takes_profile else {}) | (DOMAIN_DEFAULTS if takes_domain else {})
    inputs |= {name: argument(Tensor(np.float32, d.shape)) for name, d in defaults.items()}
    seen = features
    if takes_domain:
        half = op.const(np.float32(2))
        share = op.div(inputs["domain_count"], op.add(inputs["domain_count"], half))
        features = op.sub(features, op.mul(share, inputs["domain_mean"]))
        seen = features
    if takes_profile:
        known = op.greater(inputs["speaker_count"], op.const(np.float32(0)))
        scale = op.add(inputs["speaker_deviation"], op.const(np.float32(0.1)))
        seen = op.where(known, op.div(op.sub(features, inputs["speaker_mean"]), scale), features)
    weights = np.random.default_rng(0).normal(0, 3, (len(FEATURES), len(LABELS)))
    scores = op.matmul(seen, op.const(weights.astype(np.float32)))
    model = build(inputs, {"probabilities": op.softmax(scores, axis=1)})
    for name, default in defaults.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(default, name))
    return model


def with_familiarity(data: bytes) -> bytes:
    """Return the model in ``data`` with the output ``familiarity``: louder sounds have less."""
    proto = onnx.load_from_string(data)
    node = onnx.helper.make_node
    proto.graph.node.extend(
        [
            node("ReduceMax", ["features"], ["loudest"], keepdims=0),
            node("Abs", ["loudest"], ["positive"]),
            node("Neg", ["positive"], ["negative"]),
            node("Exp", ["negative"], ["familiarity"]),
        ]
    )
    proto.graph.output.append(
        onnx.helper.make_tensor_value_info("familiarity", onnx.TensorProto.FLOAT, ())
    )
    return bytes(proto.SerializeToString())


def model(
    *,
    takes_profile: bool = True,
    takes_domain: bool = False,
    measures_familiarity: bool = False,
    front_end_digest: str = "0f" * 32,
    **changes: Any,
) -> bytes:
    """Return the file of a model of three emotions; ``changes`` replace its properties."""
    properties = ModelProperties(
        labels=LABELS,
        sampling_rate=SAMPLING_RATE,
        front_ends={},
        chunk_samples=None,
        gain=1.0,
        metadata=MetadataEncoding({}),
        feature_names=FEATURES,
        front_end=front_end_digest,
    )
    data = graph.compose(
        front_end(),
        classifier(takes_profile=takes_profile, takes_domain=takes_domain),
        msgspec.structs.asdict(properties) | changes,
    )
    return with_familiarity(data) if measures_familiarity else data


def publish(
    folder: Path, data: bytes, samples: dict[str, bytes] | None = None, **facts: Any
) -> str:
    """Publish ``data`` as a model that holds out ``samples``; return its id.

    ``facts`` are further entries of its manifest.
    """
    held = samples or {}
    unknown = {"ground_truth": "W", "speaker": "", "gender": "", "text": ""}
    manifest = {"samples": dict.fromkeys(held, unknown), **facts}
    model_id = new_model_id()
    files = {"model.onnx": data} | {f"samples/{name}": sound for name, sound in held.items()}
    open_registry(folder).publish(model_id, files, manifest)
    return model_id
