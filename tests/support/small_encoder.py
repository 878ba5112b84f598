"""A model with the front-end ``Encoder`` on a small random encoder, composed without a download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray

import graphs
from ser import _graph as graph
from ser._metadata import MetadataEncoding
from ser.classifiers import DiscriminantClassifier, Origins
from ser.encoders import EncoderSources
from ser.encoders._whisper import whisper_model
from ser.frontends import FrontEnds
from ser.model import ModelProperties
from ser.sounds import SAMPLING_RATE

FEATURES = 128
MEL_BANDS = 80
LAYERS = 2
POSITIONS = 500
NONE = MetadataEncoding({})


def tensors(seed: int = 0) -> dict[str, NDArray[np.float16]]:
    """Return random weights of :data:`LAYERS` layers, by the names of Whisper's."""
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1": (FEATURES, MEL_BANDS, 3),
        "conv2": (FEATURES, FEATURES, 3),
    }
    for layer in range(LAYERS):
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes[f"layers.{layer}.self_attn.{name}"] = (FEATURES, FEATURES)
        shapes[f"layers.{layer}.fc1"] = (4 * FEATURES, FEATURES)
        shapes[f"layers.{layer}.fc2"] = (FEATURES, 4 * FEATURES)
        for name in ("self_attn_layer_norm", "final_layer_norm"):
            shapes[f"layers.{layer}.{name}"] = (FEATURES,)
    made = {"embed_positions.weight": random.normal(0, 0.1, (POSITIONS, FEATURES))}
    for name, shape in shapes.items():
        scale = np.prod(shape[1:]) ** -0.5
        made[f"{name}.weight"] = random.normal(0, scale, shape)
        made[f"{name}.bias"] = random.normal(0, 0.1, shape[0])
    return {name: value.astype(np.float16) for name, value in made.items()}


@dataclass(frozen=True)
class SmallEncoder(EncoderSources):
    """Opens the random encoder, by any name."""

    seed: int = 0

    def open(self, source: str, sha256: str | None = None) -> onnx.ModelProto:
        del source, sha256
        return whisper_model(tensors(self.seed), LAYERS)


def front_ends(seed: int = 0) -> FrontEnds:
    """Return the front-end ``Encoder`` on the last layer of the encoder."""
    return FrontEnds.parse({"Encoder": {"output": f"layer{LAYERS}"}}).opened(
        SmallEncoder(seed=seed)
    )


@cache
def front_end(seed: int = 0) -> onnx.ModelProto:
    """Return the graph of the features, float32 of shape (chunks, :data:`FEATURES`)."""
    return graph.front_end_model(front_ends(seed), chunk_samples=None, gain=1.0, encoding=NONE)


@cache
def model(classifier_seed: int = 0, encoder_seed: int = 0) -> bytes:
    """Return the file of a model of three emotions that takes speaker profiles."""
    random = np.random.default_rng(classifier_seed)
    count = 60
    y = np.arange(count) % len(graphs.LABELS)
    names = np.array([f"{number}" for number in range(count)])
    speakers = np.array([f"{number // 12}" for number in range(count)])
    origins = Origins(speakers, names, np.zeros(count, np.int64), names)
    fitted = DiscriminantClassifier(limit=2.0).fit(
        random.normal(0, 1, (count, FEATURES)) + y[:, None] * 0.1, y, origins=origins
    )
    properties = ModelProperties(
        labels=graphs.LABELS,
        sampling_rate=SAMPLING_RATE,
        front_ends={"Encoder": {}},
        chunk_samples=None,
        gain=1.0,
        metadata=NONE,
        feature_names=front_ends(encoder_seed).feature_names(None, NONE),
        front_end=f"{encoder_seed:064x}",
    )
    return graph.compose(
        front_end(encoder_seed), fitted.to_onnx(), msgspec.structs.asdict(properties)
    )
