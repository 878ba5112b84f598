"""The graph of Whisper's encoder against the architecture as the paper describes it, in numpy."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.special import erf

from ser.encoders import EncoderSources, KnownEncoder
from whispers import Tensors, put, random_whisper, safetensors_file

Array = NDArray[np.float64]
HEADS = 2
TENSORS = random_whisper(layers=2, features=64 * HEADS, inner=256, positions=40)


def test_every_layer_is_that_of_the_paper(tmp_path: Path) -> None:
    content = safetensors_file(TENSORS)
    known = KnownEncoder("openai/random", "a" * 40, hashlib.sha256(content).hexdigest())
    folder = put(tmp_path, "random.safetensors", content)
    model = EncoderSources(folder, cache=None, hub=False, known={"random": known}).open("random")
    session = onnxruntime.InferenceSession(model.SerializeToString())
    log_mel = np.random.default_rng(1).normal(size=(2, 80, 62)).astype(np.float32)
    found = session.run(["layer1", "layer2"], {"log_mel": log_mel})
    for part, spectrum in enumerate(log_mel.astype(float)):
        for layer, states in enumerate(layers_of(spectrum, TENSORS)):
            tolerance = 1e-5 * np.abs(states).max()
            np.testing.assert_allclose(found[layer][part], states, rtol=0, atol=tolerance)


def layers_of(spectrum: Array, tensors: Tensors) -> list[Array]:
    """The states after each layer for one spectrum, shape (bands, frames)."""
    weights = {name: values.astype(float) for name, values in tensors.items()}

    def linear(name: str, states: Array) -> Array:
        bias = weights.get(f"{name}.bias", np.zeros(1))
        return np.asarray(states @ weights[f"{name}.weight"].T + bias)

    def norm(name: str, states: Array) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(states.var(axis=-1, keepdims=True) + 1e-5)
        return np.asarray(scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"])

    def convolution(name: str, rows: Array, stride: int) -> Array:
        padded = np.pad(rows, ((0, 0), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, 3, axis=1)[:, ::stride]
        products = np.einsum("oik,itk->ot", weights[f"{name}.weight"], windows)
        return gelu(products + weights[f"{name}.bias"][:, None])

    states = convolution("conv2", convolution("conv1", spectrum, 1), 2).T
    states = states + weights["embed_positions.weight"][: len(states)]
    results = []
    for number in range(2):
        layer = f"layers.{number}"
        normal = norm(f"{layer}.self_attn_layer_norm", states)
        queries, keys, values = (
            np.split(linear(f"{layer}.self_attn.{part}_proj", normal), HEADS, axis=1)
            for part in ("q", "k", "v")
        )
        mixed = [
            softmax(q @ k.T / np.sqrt(64)) @ v
            for q, k, v in zip(queries, keys, values, strict=True)
        ]
        states = states + linear(f"{layer}.self_attn.out_proj", np.concatenate(mixed, axis=1))
        inner = gelu(linear(f"{layer}.fc1", norm(f"{layer}.final_layer_norm", states)))
        states = states + linear(f"{layer}.fc2", inner)
        results.append(states)
    return results


def gelu(values: Array) -> Array:
    return np.asarray(values * 0.5 * (1 + erf(values / np.sqrt(2))))


def softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
